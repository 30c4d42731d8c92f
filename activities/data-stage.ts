import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { type DataSpec, sizeInBytes } from '../contracts/pipeline/data.js';
import type { RemoteFiles } from '../contracts/remote-files.js';
import type { DataContext, DataProgress } from '../ml/data/data-context.js';
import { isDiskFull } from '../ml/disk-full.js';
import { diskFullFailure, scratchFolder } from './disk-full.js';

/** A query may take longer than the time between two reports of its stage. */
const heartbeatEveryMs = 1000;

export interface DataDependencies {
  readonly store: ArtifactStore;
  /** Where `s3://` sources are read from; without it they are refused. */
  readonly remote?: RemoteFiles;
  /** Directory that relative sources and `npm:` names are resolved from; default: this installation of Anneal. */
  readonly projectRoot?: string;
  /** Where files lie until they are stored; default: the system's directory for temporary files. */
  readonly scratchRoot?: string;
}

export const installationRoot = fileURLToPath(new URL('..', import.meta.url));

/**
 * Run a stage of the data within an activity: heartbeats `DataProgress` every second, interrupts the running query when
 * the activity is cancelled.
 *
 * @param limits of the pipeline
 * @throws what the cancellation says when the activity was cancelled, of a full disk `diskFullFailure`, else what the stage throws
 */
export async function runDataStage<T>(
  { store, remote, scratchRoot = tmpdir() }: DataDependencies,
  stage: (context: DataContext) => Promise<T>,
  limits?: Pick<DataSpec, 'memoryLimit'>,
): Promise<T> {
  // The heartbeats come from a timer and from DuckDB's callbacks, so the context is taken along.
  const context = Context.current();
  const signal = context.cancellationSignal;
  let progress: DataProgress = { phase: 'start' };
  const beat = () => context.heartbeat(progress);
  beat();
  const timer = setInterval(beat, heartbeatEveryMs);
  try {
    return await stage({
      store,
      scratchRoot,
      ...(remote ? { remote } : {}),
      ...(limits ? { memoryLimitBytes: sizeInBytes(limits.memoryLimit) } : {}),
      signal,
      onProgress: (next) => {
        progress = next;
        beat();
      },
    });
  } catch (error) {
    // Rejects with the reason of the cancellation: a pause, a reset, a shutdown of the worker, or a wish.
    if (signal.aborted) await context.cancelled;
    if (isDiskFull(error)) throw await diskFullFailure(error, scratchFolder(scratchRoot), context.info.attempt);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

import { tmpdir } from 'node:os';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { TrainingActivities } from '../contracts/activities.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { EncodedSplit, PreparedManifest } from '../contracts/dataset.js';
import type { TrainInput, TrainingPage, TrainProgress, TrainResult } from '../contracts/training.js';
import { isDiskFull } from '../ml/disk-full.js';
import { withScratchDirectory } from '../ml/scratch-directory.js';
import type { EncodedFiles } from '../ml/train/rows/encoded-files.js';
import { checkEngines } from '../ml/train/engines/check-engines.js';
import { TrainingChildren } from '../ml/train/child/run-in-child.js';
import { TrainingChildError } from '../ml/train/child/training-child-error.js';
import type { TrainingJob } from '../ml/train/child/training-job.js';
import { CheckpointKeeper } from './checkpoint-keeper.js';
import { scratchFolder, trainingDiskFull } from './disk-full.js';
import { countAttempt, countFailure, isLastInVain, pauseAfterMs } from './failures-in-vain.js';
import { withActivityFailures } from './failures.js';
import { LiveCurve, type LogPoints } from './live-curve.js';

/**
 * A step or the reading of the data may take longer than the time between two reports of the child, and the answer to a heartbeat is
 * what tells of a cancellation.
 */
const heartbeatEveryMs = 500;

/** Of an attempt that has not come to its first step. */
const noProgress: TrainProgress = { step: 0, totalSteps: 0, epoch: 0, epochs: 0, loss: 0, rowsPerSecond: 0, etaSeconds: 0 };

export interface TrainingDependencies {
  readonly store: ArtifactStore;
  /** Threads of one training run. */
  readonly threads: number;
  /** Training runs at a time; so many child processes are started before there is work for them. */
  readonly slots: number;
  /** Ids of graphics cards: each child process is given one of them. */
  readonly devices?: readonly string[];
  /** Where a run's files lie until they are stored; default: the system's directory for temporary files. */
  readonly scratchRoot?: string;
  /** Where the curves of a training are shown while it goes on; default: nowhere. */
  readonly openCurve?: (page: TrainingPage) => Promise<LogPoints>;
  /** Default: a pool of its own, whose processes end with this one. */
  readonly children?: TrainingChildren;
}

/** The activities of queue `anneal-training`. */
export function createTrainingActivities({
  store,
  threads,
  slots,
  devices,
  scratchRoot = tmpdir(),
  openCurve,
  children,
}: TrainingDependencies): TrainingActivities {
  const pool = children ?? new TrainingChildren(devices);
  if (!children) for (let slot = 0; slot < slots; slot++) pool.warm();
  return withActivityFailures<TrainingActivities>({
    trainModel: (input) => trainModel({ store, threads, scratchRoot, pool, openCurve }, input),
    checkEngines: (input) => checkEngines(input, Context.current().cancellationSignal),
  });
}

interface Dependencies extends Pick<TrainingDependencies, 'store' | 'threads' | 'openCurve'> {
  readonly scratchRoot: string;
  readonly pool: TrainingChildren;
}

async function trainModel({ store, threads, scratchRoot, pool, openCurve }: Dependencies, input: TrainInput): Promise<TrainResult> {
  // Messages of a child process arrive outside of the activity's asynchronous context, so it is taken along.
  const context = Context.current();
  // Details come from an earlier attempt through JSON; nothing of them is trusted but the reference, which the store verifies.
  const before = context.info.heartbeatDetails as TrainProgress | undefined;
  const keeper = new CheckpointKeeper(store, input.key, before?.checkpoint, input.resumeFrom);
  const signal = context.cancellationSignal;
  // The details of a heartbeat replace those before: without progress of its own yet, the earlier attempt's must stay.
  let progress = before;
  let attempts = countAttempt(before?.attempts ?? { step: before?.inVain?.step ?? 0, begun: 0 });
  const beat = (changes: Partial<TrainProgress> = {}): void => {
    if (progress) progress = { ...progress, ...changes };
    context.heartbeat({ ...(progress ?? noProgress), attempts });
  };
  beat();
  const timer = setInterval(() => beat(), heartbeatEveryMs);
  const curve = liveCurve(context, input, openCurve);
  try {
    return await withScratchDirectory(scratchRoot, async (directory) => {
      const manifest = await store.readJson<PreparedManifest>(input.prepared);
      const job = await localJob(store, manifest, input, threads, await keeper.candidates(), directory);
      const { checkpoint, heldOut, result } = await pool.run(
        job,
        {
          onProgress: (next) => {
            progress = { ...next, checkpoint: progress?.checkpoint, ...(before?.inVain ? { inVain: before.inVain } : {}) };
            beat();
          },
          onCurve: (points) => curve?.show(points),
          onCheckpoint: async (path, step) => {
            const checkpoint = await keeper.save(path);
            if (step > attempts.step) attempts = { step, begun: 1 };
            beat({ checkpoint });
          },
        },
        signal,
      );
      const kept = heldOut && { heldOut: { metrics: heldOut.metrics, predictions: await store.putFile(heldOut.predictions) } };
      return { checkpoint: await keeper.save(checkpoint), ...result, ...kept };
    });
  } catch (thrown) {
    // Rejects with the reason of the cancellation: a pause, a reset, a shutdown of the worker, or a wish.
    if (signal.aborted) await context.cancelled;
    const error = isDiskFull(thrown) ? await trainingDiskFull(thrown, scratchFolder(scratchRoot)) : thrown;
    if (!(error instanceof TrainingChildError))
      throw isLastInVain(attempts) ? ApplicationFailure.fromError(error, { nonRetryable: true }) : error;
    const counted = countFailure(before?.inVain, error, attempts.step, input.model.family === 'module' ? input.model.module : undefined);
    // The last details before a failure are those that the next attempt is given.
    progress = { ...(progress ?? noProgress), inVain: counted.failures };
    beat();
    if (counted.error !== error) throw counted.error;
    throw ApplicationFailure.fromError(error, { nextRetryDelay: pauseAfterMs(counted.failures) });
  } finally {
    clearInterval(timer);
    curve?.end();
  }
}

function liveCurve({ log }: Context, { page }: TrainInput, openCurve: TrainingDependencies['openCurve']): LiveCurve | undefined {
  if (!page || !openCurve) return undefined;
  const warn = (error: unknown): void =>
    log.warn('MLflow does not show the curve of this training for now; it is logged when the training has ended', {
      reason: error instanceof Error ? error.message : String(error),
    });
  return new LiveCurve(() => openCurve(page), warn);
}

async function localJob(
  store: ArtifactStore,
  manifest: PreparedManifest,
  input: TrainInput,
  threads: number,
  candidates: readonly string[],
  directory: string,
): Promise<TrainingJob> {
  const [train, validation, heldOut, module] = await Promise.all([
    localSplit(store, manifest.train),
    localSplit(store, manifest.validation),
    manifest.heldOut && localSplit(store, manifest.heldOut),
    // Without a source, the training itself says what is missing.
    input.model.family === 'module' && input.model.source ? store.localPath(input.model.source) : undefined,
  ]);
  return {
    key: input.key,
    request: {
      model: input.model,
      training: input.training,
      primaryMetric: input.primaryMetric,
      totalSteps: input.totalSteps,
      validationRows: input.validationRows,
      task: manifest.task,
      classes: manifest.classes.length,
      classNames: manifest.classes,
      layout: manifest.layout,
      trainingPrior: manifest.trainingPrior,
      dataDigest: input.prepared.sha256,
      threads,
    },
    ...(module ? { module } : {}),
    train,
    validation,
    ...(heldOut ? { heldOut } : {}),
    untilStep: input.untilStep,
    candidates,
    directory,
  };
}

async function localSplit(store: ArtifactStore, split: EncodedSplit): Promise<EncodedFiles> {
  const [categorical, numeric, image, target] = await Promise.all([
    split.categorical && store.localPath(split.categorical),
    split.numeric && store.localPath(split.numeric),
    split.image && store.localPath(split.image),
    store.localPath(split.target),
  ]);
  return { rows: split.rows, categorical, numeric, image, target };
}

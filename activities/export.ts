import { tmpdir } from 'node:os';
import { Context } from '@temporalio/activity';
import type { DataActivities, ExportInput } from '../contracts/activities.js';
import type { PreparedManifest } from '../contracts/dataset.js';
import type { ModelBundle } from '../contracts/model.js';
import { exportInChild } from '../ml/export/export-in-child.js';
import { withScratchDirectory } from '../ml/scratch-directory.js';
import type { DataDependencies } from './data-stage.js';
import { withActivityFailures } from './failures.js';

const heartbeatEveryMs = 2000;

export interface ExportDependencies extends Pick<DataDependencies, 'store' | 'scratchRoot'> {
  /** Where the export runs; default: in a process of its own. */
  readonly run?: typeof exportInChild;
}

/** The part of queue `anneal-data` that turns a checkpoint into a model to serve. Safe to repeat: equal inputs give equal bundles. */
export function createExportActivities({
  store,
  scratchRoot = tmpdir(),
  run = exportInChild,
}: ExportDependencies): Pick<DataActivities, 'exportModel'> {
  return withActivityFailures<Pick<DataActivities, 'exportModel'>>({
    exportModel: (input) => exportBundle({ store, scratchRoot, run }, input),
  });
}

async function exportBundle({ store, scratchRoot, run }: Required<ExportDependencies>, input: ExportInput): Promise<ModelBundle> {
  const context = Context.current();
  const { cancellationSignal } = context;
  const timer = setInterval(() => context.heartbeat(), heartbeatEveryMs);
  try {
    const prepared = await store.readJson<PreparedManifest>(input.prepared);
    return await withScratchDirectory(scratchRoot, async (directory) => {
      const { model, manifest, golden } = await run(
        {
          name: input.spec.name,
          dataDigest: input.dataDigest,
          columns: input.spec.columns,
          prepared,
          transformPath: await store.localPath(prepared.transform),
          ...(prepared.profile ? { profilePath: await store.localPath(prepared.profile) } : {}),
          checkpointPath: await store.localPath(input.checkpoint),
          testPath: await store.localPath(prepared.test.data),
          serving: input.spec.serving,
          directory,
        },
        cancellationSignal,
      );
      return { model: await store.putFile(model), manifest: await store.putJson(manifest), golden: await store.putJson(golden) };
    });
  } catch (error) {
    if (cancellationSignal.aborted) await context.cancelled;
    throw error;
  } finally {
    clearInterval(timer);
  }
}

import { tmpdir } from 'node:os';
import { Context } from '@temporalio/activity';
import type { DataActivities, ExportInput } from '../contracts/activities.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { FittedTransform, PreparedManifest } from '../contracts/dataset.js';
import type { ModelBundle } from '../contracts/model.js';
import type { TrainingProfile } from '../contracts/training-profile.js';
import { exportModel } from '../ml/export/export-model.js';
import { decodeCheckpoint } from '../ml/train/checkpoint/checkpoint.js';
import type { DataDependencies } from './data-stage.js';
import { withActivityFailures } from './failures.js';

const heartbeatEveryMs = 2000;

/** The part of queue `anneal-data` that turns a checkpoint into a model to serve. Safe to repeat: equal inputs give equal bundles. */
export function createExportActivities({ store, scratchRoot = tmpdir() }: DataDependencies): Pick<DataActivities, 'exportModel'> {
  return withActivityFailures<Pick<DataActivities, 'exportModel'>>({ exportModel: (input) => exportBundle(store, scratchRoot, input) });
}

async function exportBundle(store: ArtifactStore, scratchRoot: string, input: ExportInput): Promise<ModelBundle> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), heartbeatEveryMs);
  try {
    const prepared = await store.readJson<PreparedManifest>(input.prepared);
    const { model, manifest, golden } = await exportModel(
      {
        name: input.spec.name,
        dataDigest: input.dataDigest,
        columns: input.spec.columns,
        prepared,
        transform: await store.readJson<FittedTransform>(prepared.transform),
        profile: prepared.profile && (await store.readJson<TrainingProfile>(prepared.profile)),
        checkpoint: decodeCheckpoint(await store.readBytes(input.checkpoint)),
        testPath: await store.localPath(prepared.test.data),
        scratchRoot,
        serving: input.spec.serving,
      },
      context.cancellationSignal,
    );
    return { model: await store.putBytes(model), manifest: await store.putJson(manifest), golden: await store.putJson(golden) };
  } finally {
    clearInterval(timer);
  }
}

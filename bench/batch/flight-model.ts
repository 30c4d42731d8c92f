import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { FittedTransform, PreparedManifest } from '../../contracts/dataset.js';
import type { ModelBundle } from '../../contracts/model.js';
import type { TrainingProfile } from '../../contracts/training-profile.js';
import { definePipeline, primaryMetric } from '../../contracts/pipeline.js';
import type { ArtifactStore } from '../../contracts/artifact-store.js';
import { ingestSource } from '../../ml/data/ingest/ingest-source.js';
import { prepareDataset } from '../../ml/data/prepare/prepare-dataset.js';
import { validateDataset } from '../../ml/data/validate/validate-dataset.js';
import { exportModel } from '../../ml/export/export-model.js';
import { decodeCheckpoint } from '../../ml/train/checkpoint/checkpoint.js';
import { runTrainingJob } from '../../ml/train/child/run-job.js';
import { localFiles } from '../../activities/trained-fixture.js';
import flightDelay from '../../pipelines/flight-delay.js';

/**
 * The model of the shipped pipeline `flight-delay`, trained for one epoch on a sample: it predicts worse than the one of a whole
 * run, and takes as long to do so.
 *
 * @param source Parquet file of flights of all months
 */
export async function flightModel(store: ArtifactStore, root: string, source: string): Promise<ModelBundle> {
  const spec = definePipeline({
    ...flightDelay,
    source: { format: 'parquet', uri: source },
    expectations: { ...flightDelay.expectations, minRows: 1000, minRowsPerClass: 10, maxQuarantined: 0.01 },
    training: { ...flightDelay.training, epochs: 1 },
    sweep: undefined,
  });
  const context = { store, scratchRoot: root };
  const snapshot = await ingestSource(spec.source, root, context);
  const validation = await validateDataset({ snapshot, spec }, context);
  if (!validation.clean) throw new Error(validation.refusal);
  const { manifest } = await prepareDataset({ clean: validation.clean, spec }, context);
  const prepared = await store.readJson<PreparedManifest>(manifest);
  const { checkpoint } = await runTrainingJob(
    {
      key: 'bench',
      request: {
        model: spec.model,
        training: spec.training,
        primaryMetric: primaryMetric(spec),
        task: prepared.task,
        classes: prepared.classes.length,
        layout: prepared.layout,
        trainingPrior: prepared.trainingPrior,
        dataDigest: manifest.sha256,
        threads: 2,
      },
      train: await localFiles(store, prepared.train),
      validation: await localFiles(store, prepared.validation),
      candidates: [],
      directory: await mkdtemp(join(root, 'training-')),
    },
    { signal: new AbortController().signal, onProgress: () => {}, onCheckpoint: () => {} },
  );
  const exported = await exportModel({
    name: spec.name,
    dataDigest: snapshot.digest,
    columns: spec.columns,
    profile: prepared.profile && (await store.readJson<TrainingProfile>(prepared.profile)),
    prepared,
    transform: await store.readJson<FittedTransform>(prepared.transform),
    checkpoint: decodeCheckpoint(await store.readBytes(await store.putFile(checkpoint))),
    testPath: await store.localPath(prepared.test.data),
    scratchRoot: root,
  });
  return {
    model: await store.putBytes(exported.model),
    manifest: await store.putJson(exported.manifest),
    golden: await store.putJson(exported.golden),
  };
}

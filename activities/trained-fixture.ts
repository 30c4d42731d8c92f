import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { EncodedSplit } from '../contracts/dataset.js';
import { primaryMetric, type Task, type TrainingSpec } from '../contracts/pipeline.js';
import type { ArtifactRef } from '../contracts/reference.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { EncodedFiles } from '../ml/train/rows/encoded-files.js';
import { runTrainingJob } from '../ml/train/child/run-job.js';
import { preparedFixture, type PreparedFixture } from './prepared-fixture.js';

export interface TrainedFixture extends PreparedFixture {
  readonly checkpoint: ArtifactRef;
}

/** A model trained on `preparedFixture` by the compiled engine, in this process. */
export async function trainedFixture(
  store: ArtifactStore,
  root: string,
  task: Task,
  options: { readonly testRows?: number; readonly seed?: number; readonly training?: Partial<TrainingSpec> } = {},
): Promise<TrainedFixture> {
  const fixture = await preparedFixture(store, root, task, options.testRows, options.training);
  const { manifest, spec } = fixture;
  const { checkpoint } = await runTrainingJob(
    {
      key: 'fixture',
      request: {
        model: spec.model,
        training: { ...spec.training, seed: options.seed ?? 1 },
        primaryMetric: primaryMetric(spec),
        task,
        classes: manifest.classes.length,
        layout: manifest.layout,
        trainingPrior: manifest.trainingPrior,
        dataDigest: fixture.ref.sha256,
        threads: 1,
      },
      train: await localFiles(store, manifest.train),
      validation: await localFiles(store, manifest.validation),
      candidates: [],
      directory: await mkdtemp(join(root, 'job-')),
    },
    { signal: new AbortController().signal, onProgress: () => {}, onCheckpoint: () => {} },
  );
  return { ...fixture, checkpoint: await store.putFile(checkpoint) };
}

/** The arrays of a split as files of this machine. */
export async function localFiles(store: ArtifactStore, split: EncodedSplit): Promise<EncodedFiles> {
  return {
    rows: split.rows,
    ...(split.categorical ? { categorical: await store.localPath(split.categorical) } : {}),
    ...(split.numeric ? { numeric: await store.localPath(split.numeric) } : {}),
    ...(split.image ? { image: await store.localPath(split.image) } : {}),
    target: await store.localPath(split.target),
  };
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ExportInput } from '../contracts/activities.js';
import type { FittedTransform } from '../contracts/dataset.js';
import type { GoldenOutputs, ModelBundle, ModelManifest } from '../contracts/model.js';
import type { Task } from '../contracts/pipeline.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';
import { runExportJob } from '../ml/export/run-export-job.js';
import { decodeCheckpoint, encodeCheckpoint } from '../ml/train/checkpoint/checkpoint.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createExportActivities } from './export.js';
import { trainedFixture, type TrainedFixture } from './trained-fixture.js';

let root: string;
let store: FileArtifactStore;
const fixtures = {} as Record<Task, TrainedFixture>;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-export-'));
  store = new FileArtifactStore(join(root, 'store'));
  for (const task of ['binary', 'multiclass', 'regression'] as const) fixtures[task] = await trainedFixture(store, root, task);
});

afterAll(() => rmSync(root, { recursive: true }));

async function exported(task: Task, changes: Partial<ExportInput> = {}): Promise<ModelBundle> {
  const { spec, ref, checkpoint } = fixtures[task];
  const activities = createExportActivities({ store, run: runExportJob });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const input = { spec, prepared: ref, checkpoint, dataDigest: 'abc', ...changes };
  return environment.run((given: ExportInput) => activities.exportModel(given), input);
}

async function opened(bundle: ModelBundle) {
  const session = await InferenceSession.create(await store.readBytes(bundle.model));
  const manifest = await store.readJson<ModelManifest>(bundle.manifest);
  const golden = await store.readJson<GoldenOutputs>(bundle.golden);
  const run = async (rows: readonly unknown[]) => {
    const columns = rowsToTensors(manifest.inputs, rows);
    return session.run(
      Object.fromEntries(
        Object.entries(columns).map(([name, { type, data, dims }]) => [name, new Tensor(type as 'string', data as string[], dims)]),
      ),
    );
  };
  return { session, manifest, golden, run };
}

async function changedCheckpoint(task: Task, change: (checkpoint: ReturnType<typeof decodeCheckpoint>) => object): Promise<ArtifactRef> {
  const checkpoint = decodeCheckpoint(await store.readBytes(fixtures[task].checkpoint));
  return store.putBytes(encodeCheckpoint({ ...checkpoint, ...change(checkpoint) }));
}

describe('exportModel', () => {
  it('writes a graph from raw columns to both probabilities and the class at the threshold', async () => {
    const { session, manifest, golden, run } = await opened(await exported('binary'));
    expect([...session.inputNames].sort()).toEqual(['departed', 'distance', 'load', 'origin']);
    const { probabilities, class_index: classes } = await run(golden.instances);
    const rows = golden.instances.length;
    expect(probabilities.dims).toEqual([rows, 2]);
    expect(classes).toMatchObject({ type: 'int64', dims: [rows, 1] });
    const p = probabilities.data as Float32Array;
    for (let row = 0; row < rows; row++) {
      expect(p[2 * row] + p[2 * row + 1]).toBeCloseTo(1, 6);
      expect(Number(classes.data[row])).toBe(p[2 * row + 1] >= Math.fround(manifest.threshold!) ? 1 : 0);
    }
    expect(new Set(Array.from(classes.data, Number)).size).toBe(2);
    expect(manifest).toMatchObject({
      formatVersion: 1,
      name: 'fixture-binary',
      task: 'binary',
      classes: ['on time', 'late'],
      dataDigest: 'abc',
    });
  });

  it('writes a softmax and the most probable class of a multiclass target', async () => {
    const { golden, manifest, run } = await opened(await exported('multiclass'));
    const { probabilities, class_index: classes } = await run(golden.instances);
    expect(probabilities.dims).toEqual([golden.instances.length, 3]);
    expect(manifest.threshold).toBeUndefined();
    golden.outputs.forEach((row, i) => {
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
      expect(Number(classes.data[i])).toBe(row.indexOf(Math.max(...row)));
    });
  });

  it('gives the value of a regression in the units of the target', async () => {
    const { golden, run } = await opened(await exported('regression'));
    const { value } = await run(golden.instances);
    expect(value.dims).toEqual([golden.instances.length, 1]);
    const values = [...(value.data as Float32Array)];
    expect(Math.min(...values)).toBeGreaterThan(90);
    expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(20);
  });

  it.each(['binary', 'multiclass', 'regression'] as const)(
    'gives golden rows that the %s model reproduces, with missing and unseen values',
    async (task) => {
      const { golden, run, session } = await opened(await exported(task));
      expect(golden.instances.length).toBeGreaterThanOrEqual(34);
      expect(golden.instances).toContainEqual(expect.objectContaining({ origin: null, load: null }));
      expect(golden.instances).toContainEqual(expect.objectContaining({ origin: 'a category that was never seen' }));
      expect(golden.instances[0].departed).toMatch(/^2001-\d\d-\d\dT\d\d:\d\d:00\.000Z$/);
      const result = await run(golden.instances);
      const data = result[session.outputNames.includes('value') ? 'value' : 'probabilities'].data as Float32Array;
      const width = golden.outputs[0].length;
      golden.outputs.flat().forEach((expected, i) => expect(Math.abs(data[i] - expected)).toBeLessThanOrEqual(golden.tolerance));
      expect(data).toHaveLength(golden.outputs.length * width);
      expect(golden.tolerance).toBeLessThan(task === 'regression' ? 0.01 : 0.001);
    },
  );

  it('scores how unusual a row is, from the training rows, and lets hosts check that they compute the same', async () => {
    const { manifest, golden, run } = await opened(await exported('binary'));
    expect(manifest.hasAnomaly).toBe(true);
    const { anomaly } = await run(golden.instances);
    expect(anomaly).toMatchObject({ type: 'float32', dims: [golden.instances.length, 1] });
    expect([...(anomaly.data as Float32Array)]).toEqual(golden.anomaly);
    const ordinary = { origin: 'A', distance: 500, load: 0.5, departed: '2001-02-01T12:00:00Z' };
    const { anomaly: scores } = await run([ordinary, { ...ordinary, origin: 'nowhere', distance: 90_000 }]);
    expect(Number(scores.data[0])).toBeLessThan(0.7);
    expect(Number(scores.data[1])).toBe(1);
    expect(manifest.profile!.map(({ name, hasMissing }) => [name, hasMissing])).toEqual([
      ['origin', true],
      ['distance', false],
      ['load', true],
      ['departed', false],
    ]);
    // "F" was too rare for the vocabulary, and yet it is known.
    expect(manifest.profile![0].categories).toEqual(['A', 'B', 'C', 'D', 'E', 'F']);
  });

  it('carries what the pipeline says of serving in the manifest, and leaves the score out where it is off', async () => {
    const { spec } = fixtures.binary;
    const serving = {
      degrade: { fallbackModel: 'small', cachedAnswers: 10, prior: true },
      anomaly: { policy: 'reject', threshold: 0.99 },
    } as const;
    expect((await opened(await exported('binary', { spec: { ...spec, serving } }))).manifest.serving).toEqual(serving);
    const off = await opened(await exported('binary', { spec: { ...spec, serving: { anomaly: { policy: 'off', threshold: 0.99 } } } }));
    expect(off.session.outputNames).toEqual(['probabilities', 'class_index']);
    expect(off.manifest).not.toHaveProperty('hasAnomaly');
    expect(off.golden).not.toHaveProperty('anomaly');
    const { manifest } = await opened(await exported('binary'));
    expect(manifest).not.toHaveProperty('serving');
  });

  it('exports data that were prepared before training rows were described, without a score', async () => {
    const { profile: _, ...older } = fixtures.regression.manifest;
    const { manifest, session } = await opened(await exported('regression', { prepared: await store.putJson(older) }));
    expect(session.outputNames).toEqual(['value']);
    expect(manifest).not.toHaveProperty('profile');
  });

  it('gives the identical bundle for the same checkpoint', async () => {
    expect(await exported('binary')).toEqual(await exported('binary'));
  });

  it('refuses a graph that predicts something else than what was trained', async () => {
    const transform = await store.readJson<FittedTransform>(fixtures.binary.manifest.transform);
    // A vocabulary of other categories than the network was trained with makes another layout.
    const features = transform.features.map((feature) => (feature.kind === 'categorical' ? { ...feature, vocabulary: ['A'] } : feature));
    const layout = {
      ...transform.layout,
      categorical: transform.layout.categorical.map((column, i) => (i === 0 ? { ...column, size: 2 } : column)),
    };
    const prepared = await store.putJson({
      ...fixtures.binary.manifest,
      transform: await store.putJson({ ...transform, features, layout }),
    });
    await expect(exported('binary', { prepared })).rejects.toMatchObject({ type: 'InvalidModel', nonRetryable: true });
  });

  it('refuses a checkpoint without a validated state', async () => {
    const checkpoint = await changedCheckpoint('binary', () => ({ best: undefined }));
    await expect(exported('binary', { checkpoint })).rejects.toMatchObject({
      type: 'InvalidModel',
      message: expect.stringContaining('validated'),
    });
  });

  it('refuses a damaged checkpoint', async () => {
    const bytes = await store.readBytes(fixtures.binary.checkpoint);
    const checkpoint = await store.putBytes(bytes.subarray(0, 100));
    await expect(exported('binary', { checkpoint })).rejects.toMatchObject({ type: 'ArtifactCorrupt', nonRetryable: true });
  });
});

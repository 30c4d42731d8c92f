import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { EvaluateInput, EvaluationResult, ExportInput } from '../contracts/activities.js';
import type { EvaluationReport, GoldenOutputs, ModelBundle, ModelManifest } from '../contracts/model.js';
import { evaluateModel } from '../ml/evaluate/evaluate-model.js';
import { prepareVersion } from '../serving/loader/prepare-version.js';
import { openPrepared } from '../serving/prepared-version.js';
import { toPredictions } from '../serving/predictions.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createEvaluateActivities } from './evaluate.js';
import { createExportActivities } from './export.js';
import { trainedFixture, type TrainedFixture } from './trained-fixture.js';

const quantiles = [0.05, 0.5, 0.95];
let root: string;
let store: FileArtifactStore;
let fixture: TrainedFixture;
let bundle: ModelBundle;

const environment = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-quantiles-'));
  store = new FileArtifactStore(join(root, 'store'));
  const options = { testRows: 3000, training: { loss: { kind: 'quantile', quantiles }, epochs: 40 } } as const;
  fixture = await trainedFixture(store, root, 'regression', options);
  const input: ExportInput = { spec: fixture.spec, prepared: fixture.ref, checkpoint: fixture.checkpoint, dataDigest: 'abc' };
  const { exportModel } = createExportActivities({ store });
  bundle = await environment().run((given: ExportInput): Promise<ModelBundle> => exportModel(given), input);
}, 60_000);
afterAll(() => rmSync(root, { recursive: true }));

it('are measured on the test rows: most of them lie between the outer ones, and they beat the constant ones', async () => {
  const activities = createEvaluateActivities({ store, run: evaluateModel });
  const input: EvaluateInput = { spec: fixture.spec, prepared: fixture.ref, bundle };
  const result: EvaluationResult = await environment().run((given: EvaluateInput) => activities.evaluateModel(given), input);
  const { metrics, baseline, primaryMetric, slices } = await store.readJson<EvaluationReport>(result.report);
  expect(primaryMetric).toBe('pinball');
  expect(metrics.coverage).toBeGreaterThan(0.8);
  expect(metrics.coverage).toBeLessThan(0.98);
  expect(metrics.pinball).toBeLessThan(0.4 * baseline.pinball!);
  expect(baseline.coverage).toBeGreaterThan(0.8);
  expect(metrics.rmse).toBeLessThan(0.5 * baseline.rmse!);
  expect(slices.every((slice) => slice.metrics.pinball !== undefined)).toBe(true);
});

it('are served in ascending order, the median as the value', async () => {
  const file = async (ref: ModelBundle['model']) => ({ path: await store.localPath(ref), sha256: ref.sha256 });
  const files = { model: await file(bundle.model), manifest: await file(bundle.manifest), golden: await file(bundle.golden) };
  const prepared = await prepareVersion(files, root);
  const model = { manifest: prepared.manifest, ...(await openPrepared(prepared)) };
  const { instances, outputs } = await store.readJson<GoldenOutputs>(bundle.golden);
  const { inputs, quantiles: named } = await store.readJson<ModelManifest>(bundle.manifest);
  expect(named).toEqual(quantiles);
  const tensors = rowsToTensors(inputs, instances);
  const batch = { rows: instances.length, columns: inputs.map(({ name }) => tensors[name].data) };
  const predictions = toPredictions(model.manifest, await model.run(batch));
  await model.release();
  predictions.forEach((prediction, row) => {
    expect(Object.keys(prediction.quantiles!)).toEqual(['0.05', '0.5', '0.95']);
    const values = Object.values(prediction.quantiles!);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(prediction.value).toBe(values[1]);
    values.forEach((value, k) => expect(value).toBeCloseTo(outputs[row][k], 3));
  });
  expect(predictions.some(({ quantiles: spread }) => spread!['0.95'] - spread!['0.05'] > 1)).toBe(true);
});

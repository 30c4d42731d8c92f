import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { ModelBundle } from '../contracts/model.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { evaluateFixture, exportFixture, serveGolden } from './served-fixture.js';
import { trainedFixture, type TrainedFixture } from './trained-fixture.js';

const quantiles = [0.05, 0.5, 0.95];
let root: string;
let store: FileArtifactStore;
let fixture: TrainedFixture;
let bundle: ModelBundle;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-quantiles-'));
  store = new FileArtifactStore(join(root, 'store'));
  const options = { testRows: 3000, training: { loss: { kind: 'quantile', quantiles }, epochs: 40 } } as const;
  fixture = await trainedFixture(store, root, 'regression', options);
  bundle = await exportFixture(store, fixture);
});
afterAll(() => rmSync(root, { recursive: true }));

it('are measured on the test rows: most of them lie between the outer ones, and they beat the constant ones', async () => {
  const { metrics, baseline, primaryMetric, slices } = await evaluateFixture(store, fixture, bundle);
  expect(primaryMetric).toBe('pinball');
  expect(metrics.coverage).toBeGreaterThan(0.8);
  expect(metrics.coverage).toBeLessThan(0.98);
  expect(metrics.pinball).toBeLessThan(0.4 * baseline.pinball!);
  expect(baseline.coverage).toBeGreaterThan(0.8);
  expect(metrics.rmse).toBeLessThan(0.5 * baseline.rmse!);
  expect(slices.every((slice) => slice.metrics.pinball !== undefined)).toBe(true);
});

it('are served in ascending order, the median as the value', async () => {
  const { manifest, golden, predictions } = await serveGolden(store, bundle, root);
  expect(manifest.quantiles).toEqual(quantiles);
  predictions.forEach((prediction, row) => {
    expect(Object.keys(prediction.quantiles!)).toEqual(['0.05', '0.5', '0.95']);
    const values = Object.values(prediction.quantiles!);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(prediction.value).toBe(values[1]);
    values.forEach((value, k) => expect(value).toBeCloseTo(golden.outputs[row][k], 3));
  });
  expect(predictions.some(({ quantiles: spread }) => spread!['0.95'] - spread!['0.05'] > 1)).toBe(true);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { PreparedManifest } from '../contracts/dataset.js';
import type { ModelBundle } from '../contracts/model.js';
import { outputMetadata } from '../serving/oip/oip.js';
import { labelFlags } from '../serving/tensors.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { DataFixture, failureOf, pipelineOf } from './data-fixture.js';
import { evaluateFixture, exportFixture, serveGolden } from './served-fixture.js';
import { trainedFixture, type TrainedFixture } from './trained-fixture.js';

const labels = ['late', 'far', 'from B'];
let root: string;
let store: FileArtifactStore;
let fixture: TrainedFixture;
let bundle: ModelBundle;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-multilabel-'));
  store = new FileArtifactStore(join(root, 'store'));
  fixture = await trainedFixture(store, root, 'multilabel', { testRows: 3000, training: { epochs: 30 } });
  bundle = await exportFixture(store, fixture);
});
afterAll(() => rmSync(root, { recursive: true }));

it('is measured label by label and in the mean over the labels, far above the baseline', async () => {
  const report = await evaluateFixture(store, fixture, bundle);
  expect(report.primaryMetric).toBe('auc');
  expect(Object.keys(report.labels!).sort()).toEqual([...labels].sort());
  expect(report.confusion).toBeUndefined();
  for (const name of ['auc', 'logLoss', 'accuracy', 'macroF1', 'brier', 'averagePrecision'] as const) {
    const mean = labels.reduce((sum, label) => sum + report.labels![label][name]!, 0) / labels.length;
    expect(report.metrics[name]).toBeCloseTo(mean, 10);
  }
  expect(report.labels!.late.auc).toBeGreaterThan(0.9);
  expect(report.labels!.far.auc).toBeGreaterThan(0.99);
  expect(report.labels!['from B'].auc).toBeGreaterThan(0.99);
  expect(report.baseline.auc).toBe(0.5);
  expect(report.metrics.logLoss).toBeLessThan(0.4 * report.baseline.logLoss!);
});

it('is served with the names of its labels, which agree with the graph’s own decisions', async () => {
  const { manifest, golden, tensors, computed, predictions } = await serveGolden(store, bundle, root);
  expect(manifest).toMatchObject({
    task: 'multilabel',
    classes: labels,
    thresholds: [expect.any(Number), expect.any(Number), expect.any(Number)],
  });
  expect(Object.keys(predictions[0].labels!)).toEqual(labels);
  predictions.forEach(({ probabilities }, row) =>
    labels.forEach((label, k) => expect(probabilities![label]).toBeCloseTo(golden.outputs[row][k], 3)),
  );
  const session = await InferenceSession.create(await store.readBytes(bundle.model));
  const feeds = Object.entries(tensors).map(
    ([name, { type, data, dims }]) => [name, new Tensor(type as 'string', data as string[], dims)] as const,
  );
  const decided = (await session.run(Object.fromEntries(feeds))).labels;
  expect(decided.dims).toEqual([golden.instances.length, 3]);
  expect([...labelFlags(manifest, computed)]).toEqual(Array.from(decided.data as BigInt64Array, Number));
  const combinations = new Set(predictions.map((prediction) => Object.values(prediction.labels!).join()));
  expect(combinations.size).toBeGreaterThan(3);
  expect(outputMetadata(manifest, 2)).toEqual([
    { name: 'probabilities', datatype: 'FP32', shape: [2, 3] },
    { name: 'labels', datatype: 'INT64', shape: [2, 3] },
    { name: 'anomaly', datatype: 'FP32', shape: [2, 1] },
  ]);
  await session.release();
});

describe('the data of several labels', () => {
  const target = {
    task: 'multilabel',
    name: 'traits',
    labels: { large: 'amount > 50', odd: "kind IN ('b', 'd')", early: 'hour("when") < 6' },
  } as const;
  let data: DataFixture;
  beforeEach(() => {
    data = new DataFixture();
  });
  afterEach(() => data.dispose());

  const rows = `SELECT make_timestamp(978307200000000 + i * 3600000000) AS "when", CASE WHEN i % 50 = 7 THEN NULL ELSE CAST(i % 100 AS DOUBLE) END AS amount,
    chr(CAST(97 + i % 4 AS INTEGER)) AS kind FROM range(1000) AS r(i)`;
  const features = { hour: { kind: 'calendar', column: 'when', part: 'dayOfWeek' } } as const;
  const expectations = { minRows: 10, minRowsPerClass: 2, maxQuarantined: 0.1, leakage: { severity: 'off' } } as const;

  it('is one number a row, whose bits are the labels in the order of their names', async () => {
    const uri = await data.parquet('rows.parquet', rows);
    const spec = pipelineOf(uri, { target, features, expectations, split: { kind: 'random', stratify: true } });
    const validated = await data.validate(spec);
    expect(validated.quarantined).toEqual([{ reason: 'the target traits is missing', rows: 20 }]);
    const manifest = await data.store.readJson<PreparedManifest>((await data.prepare(spec)).manifest);
    expect(manifest).toMatchObject({ task: 'multilabel', classes: ['early', 'large', 'odd'] });
    const { floats } = await data.matrix(manifest.train.target);
    manifest.trainingPrior.forEach((share, label) =>
      expect(floats.filter((bits) => ((bits >> label) & 1) === 1).length / floats.length).toBeCloseTo(share, 12),
    );
    const test = await data.rows(manifest.test.data, 'SELECT hour(epoch_ms("when")) AS hour, __target AS bits FROM data');
    expect(test.length).toBeGreaterThan(50);
    for (const { hour, bits } of test) expect(Number(bits) & 1).toBe(Number(Number(hour) < 6));
  });

  it('is refused where a label is rare, and where one is no boolean', async () => {
    const uri = await data.parquet('rows.parquet', rows);
    const withLabels = (labels: Record<string, string>) => pipelineOf(uri, { target: { ...target, labels }, features, expectations });
    const rare = await data.validate(withLabels({ large: 'amount > 50', never: 'amount > 1000' }));
    expect(rare.anomalies).toContainEqual(
      expect.objectContaining({ rule: 'few-rows-of-class', column: 'traits', found: '0 with and 980 without the label "never"' }),
    );
    const wrong = failureOf(data.validate(withLabels({ large: 'amount > 50', amount: 'amount' })));
    await expect(wrong).resolves.toMatchObject({
      type: 'InvalidPipeline',
      message: expect.stringContaining('BOOLEAN, true for the class "true"'),
    });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FoldResult, LabelIssuesReport, LabelIssuesResult, PreparedFolds } from '../contracts/cross-validation.js';
import type { PreparedDataset, PreparedManifest } from '../contracts/dataset.js';
import { definePipeline, primaryMetric } from '../contracts/pipeline.js';
import type { TrainInput, TrainResult } from '../contracts/training.js';
import { computeMetrics } from '../ml/evaluate/metrics.js';
import { TrainingChildren } from '../ml/train/run-in-child.js';
import { DataFixture } from './data-fixture.js';
import { createPrepareActivities } from './prepare.js';
import { createTrainingActivities } from './train.js';

const rows = 600;

/** Two clouds of points; every tenth label is the wrong one, and every fiftieth row breaks a rule. */
const points = `SELECT i AS id, 'note ' || i AS note,
    CASE WHEN i % 50 = 7 THEN 1000.0 ELSE (CASE WHEN i % 2 = 0 THEN 2.0 ELSE -2.0 END) + (hash(i, 1) % 1000) / 500.0 - 1 END AS x,
    (CASE WHEN i % 2 = 0 THEN 1.0 ELSE -1.0 END) + (hash(i, 2) % 1000) / 500.0 - 1 AS y,
    CASE WHEN (i % 2 = 0) <> (i % 20 IN (3, 14)) THEN 'even' ELSE 'odd' END AS parity
  FROM range(1, ${rows + 1}) AS t(i)`;

function isFlipped(id: number): boolean {
  return id % 20 === 3 || id % 20 === 14;
}

describe('a cross-validation by the real activities', () => {
  const fixture = new DataFixture();
  const scratchRoot = mkdtempSync(join(tmpdir(), 'anneal-folds-'));
  const children = new TrainingChildren();
  let folds: PreparedFolds;
  let results: (Pick<FoldResult, 'fold' | 'predictions' | 'metrics'> & { readonly manifest: PreparedManifest })[];
  let labels: LabelIssuesResult;

  beforeAll(async () => {
    const uri = await fixture.parquet('points.parquet', points);
    const spec = definePipeline({
      name: 'points',
      source: { format: 'parquet', uri },
      columns: { x: { type: 'float', max: 100 }, y: { type: 'float' } },
      expectations: { minRows: 10, maxQuarantined: 0.05 },
      target: { task: 'binary', name: 'even', expression: `parity = 'even'`, classes: ['odd', 'even'] },
      split: { kind: 'random', stratify: true },
      features: { x: { kind: 'numeric', column: 'x' }, y: { kind: 'numeric', column: 'y' } },
      model: { family: 'linear' },
      training: { epochs: 20, batchSize: 16, learningRate: 0.05, engine: 'onnxruntime' },
      crossValidation: { kind: 'k-fold', folds: 3, stratify: true, labelIssues: true },
    });
    const run = <T>(activity: (input: never) => Promise<T>, input: unknown): Promise<T> =>
      fixture.environment().run(activity, input as never) as Promise<T>;
    const snapshot = (await fixture.ingest(spec.source)).manifest;
    const { clean, report: validation } = await fixture.validate(spec);
    const data = createPrepareActivities({ store: fixture.store, scratchRoot: fixture.scratchRoot });
    const training = createTrainingActivities({ store: fixture.store, threads: 1, slots: 1, scratchRoot, children });
    const prepared = (
      await run<PreparedDataset>((given: Parameters<typeof data.prepareDataset>[0]) => data.prepareDataset(given), { clean, spec })
    ).manifest;
    folds = await run<PreparedFolds>((given: Parameters<typeof data.prepareFolds>[0]) => data.prepareFolds(given), {
      clean,
      spec,
      prepared,
    });
    results = [];
    for (const { fold, prepared: own } of folds.folds) {
      const { model, training: options } = spec;
      const input: TrainInput = { key: `fold-${fold}`, prepared: own, model, training: options, primaryMetric: primaryMetric(spec) };
      const { heldOut } = await run<TrainResult>((given: TrainInput) => training.trainModel(given), input);
      results.push({ fold, ...heldOut!, manifest: await fixture.store.readJson<PreparedManifest>(own) });
    }
    const predicted = results.map(({ fold, predictions }, i) => ({ fold, predictions, prepared: folds.folds[i].prepared }));
    const { assignment } = folds;
    labels = await run<LabelIssuesResult>((given: Parameters<typeof data.findLabelIssues>[0]) => data.findLabelIssues(given), {
      spec,
      snapshot,
      validation,
      clean,
      prepared,
      assignment,
      folds: predicted,
    });
  }, 120_000);
  afterAll(async () => {
    await children.close();
    fixture.dispose();
    rmSync(scratchRoot, { recursive: true });
  });

  it('measures each fold on the rows that it holds out', async () => {
    expect(results).toHaveLength(3);
    for (const { metrics, predictions, manifest } of results) {
      expect(metrics.auc).toBeGreaterThan(0.8);
      expect(metrics.auc).toBeLessThan(0.97);
      const { floats: predicted } = await fixture.matrix(predictions);
      const { floats: actual } = await fixture.matrix(manifest.heldOut!.target);
      const again = computeMetrics({
        task: 'binary',
        classes: 2,
        predicted: Float32Array.from(predicted),
        actual: Float32Array.from(actual),
      });
      expect(again.auc).toBe(metrics.auc);
      expect(again.logLoss).toBe(metrics.logLoss);
    }
  });

  it('finds most of the wrong labels, and shows the rows as they came', async () => {
    const report = await fixture.store.readJson<LabelIssuesReport>(labels.report);
    expect(report).toMatchObject({ found: labels.rows, classes: ['odd', 'even'] });
    const learned = await fixture.rows(folds.assignment, 'SELECT count(*) AS n FROM data');
    expect(report.rows).toBe(Number(learned[0].n));
    expect(report.rows).toBeLessThan(rows * 0.9);
    for (const { row, values, given } of report.issues) {
      const { id, note, parity } = values;
      expect({ row, note, given }).toEqual({ row: id, note: `note ${String(id)}`, given: parity });
    }
    const hits = report.issues.filter(({ row }) => isFlipped(row)).length;
    const possible = (rows / 10) * (report.rows / rows);
    expect(hits / report.issues.length).toBeGreaterThan(0.9);
    expect(hits / possible).toBeGreaterThan(0.8);
    const [pair] = report.noise;
    expect(pair.share).toBeGreaterThan(0.05);
    expect(pair.given).not.toBe(pair.likely);
  });

  it('keeps the probabilities of every row', async () => {
    const report = await fixture.store.readJson<LabelIssuesReport>(labels.report);
    const found = await fixture.rows(
      report.outOfFold,
      'SELECT count(*) AS n, count(DISTINCT "row") AS d, max(abs(probabilities[1] + probabilities[2] - 1)) AS off, list(DISTINCT given ORDER BY given) AS classes FROM data',
    );
    expect(found).toEqual([
      { n: BigInt(report.rows), d: BigInt(report.rows), off: expect.closeTo(0, 6) as unknown, classes: ['even', 'odd'] },
    ]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { computeMetrics } from '../ml/evaluate/metrics/metrics.js';
import { type CrossValidated, crossValidated } from './cross-validated-fixture.js';
import { DataFixture, pipelineOf } from './data-fixture.js';

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
  let done: CrossValidated;

  beforeAll(async () => {
    const uri = await fixture.parquet('points.parquet', points);
    const spec = pipelineOf(uri, {
      columns: { x: { type: 'float', max: 100 }, y: { type: 'float' } },
      expectations: { minRows: 10, maxQuarantined: 0.05 },
      target: { task: 'binary', name: 'even', expression: `parity = 'even'`, classes: ['odd', 'even'] },
      split: { kind: 'random', stratify: true },
      features: { x: { kind: 'numeric', column: 'x' }, y: { kind: 'numeric', column: 'y' } },
      training: { epochs: 20, batchSize: 16, learningRate: 0.05, engine: 'onnxruntime' },
      crossValidation: { kind: 'k-fold', folds: 3, stratify: true, labelIssues: true },
    });
    done = await crossValidated(fixture, spec);
  });
  afterAll(() => fixture.dispose());

  it('measures each fold on the rows that it holds out', async () => {
    expect(done.results).toHaveLength(3);
    for (const { metrics, predictions, manifest } of done.results) {
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
    const report = done.labels;
    expect(report.classes).toEqual(['odd', 'even']);
    const learned = await fixture.rows(done.folds.assignment, 'SELECT count(*) AS n FROM data');
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
    const report = done.labels;
    const found = await fixture.rows(
      report.outOfFold,
      'SELECT count(*) AS n, count(DISTINCT "row") AS d, max(abs(probabilities[1] + probabilities[2] - 1)) AS off, list(DISTINCT given ORDER BY given) AS classes FROM data',
    );
    expect(found).toEqual([
      { n: BigInt(report.rows), d: BigInt(report.rows), off: expect.closeTo(0, 6) as unknown, classes: ['even', 'odd'] },
    ]);
  });
});

/** 6 × 4 images, bright on the left or on the right; every tenth label is the wrong one. */
const images = `SELECT i AS id, list_transform(range(24), lambda p: CASE WHEN (p % 4 < 2) = (i % 2 = 0) THEN 0.8 ELSE 0.1 END + (hash(i, p) % 20) / 100.0) AS picture,
    CASE WHEN (i % 2 = 0) <> (i % 20 IN (3, 14)) THEN 'left' ELSE 'right' END AS side
  FROM range(1, 401) AS t(i)`;

describe('a cross-validation of images', () => {
  const fixture = new DataFixture();
  let done: CrossValidated;

  beforeAll(async () => {
    const uri = await fixture.parquet('images.parquet', images);
    const spec = pipelineOf(uri, {
      columns: { side: { type: 'string' }, picture: { type: 'image', height: 6, width: 4, range: [0, 1] } },
      target: { task: 'multiclass', name: 'side', expression: 'side' },
      split: { kind: 'random', stratify: true },
      features: { picture: { kind: 'image', column: 'picture' } },
      model: { family: 'cnn', filters: [4], hidden: [8] },
      training: { epochs: 4, batchSize: 16, learningRate: 0.01, engine: 'onnxruntime' },
      crossValidation: { kind: 'k-fold', folds: 3, stratify: true, labelIssues: true },
    });
    done = await crossValidated(fixture, spec);
  });
  afterAll(() => fixture.dispose());

  it('holds every image out once, as the bytes of its own row', async () => {
    let rows = 0;
    for (const { manifest, metrics } of done.results) {
      for (const split of [manifest.train, manifest.validation, manifest.heldOut!]) expect(split.image!.sizeBytes).toBe(split.rows * 24);
      rows += manifest.heldOut!.rows;
      // A tenth of the labels cannot be predicted; images of other rows could predict none.
      expect(metrics.accuracy).toBeGreaterThan(0.8);
    }
    expect(rows).toBe(done.main.train.rows + done.main.validation.rows);
  });

  it('finds most of the wrong labels, and leaves the pixels out of the list', () => {
    const hits = done.labels.issues.filter(({ row }) => isFlipped(row)).length;
    expect(hits / done.labels.issues.length).toBeGreaterThan(0.9);
    expect(hits / (done.labels.rows / 10)).toBeGreaterThan(0.8);
    for (const { row, values } of done.labels.issues) {
      expect(values).toEqual({ id: row, side: row % 2 === 0 ? 'right' : 'left' });
    }
  });

  it('makes folds again whose images are gone', async () => {
    const { image } = done.results[1].manifest.heldOut!;
    await fixture.store.remove(image!);
    expect(await done.prepareAgain()).toEqual(done.folds);
    expect((await fixture.store.readBytes(image!)).length).toBe(image!.sizeBytes);
  });
});

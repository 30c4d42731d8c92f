import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import type { FittedTransform } from '../../../contracts/dataset.js';
import { definePipeline, type PipelineInput } from '../../../contracts/pipeline.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { type EncodeOptions, encodeSplit } from './encode-split.js';
import { fitTransform } from './fit-transform.js';
import { rowNumberColumn } from '../split/part-relation.js';
import { assertNoSkew } from './skew-check.js';
import { encodedTarget } from '../target-column.js';
import { trainingEncoding } from './training-encoding.js';
import { encodedColumns } from '../transform/transform-kinds.js';

type Target = PipelineInput['target'];
const binary: Target = { task: 'binary', name: 'target', expression: 'true' };

interface Fitted {
  readonly transform: FittedTransform;
  /** The float matrix of the training rows, and of the same rows encoded like all others; a row an array. */
  readonly training: readonly number[][];
  readonly serving: readonly number[][];
}

/** Fit features on the rows of a query with the columns `text`, `number`, `time` and `target`. */
async function fit(rows: string, features: PipelineInput['features'], target = binary): Promise<Fitted> {
  const spec = definePipeline({
    name: 'fixture',
    source: { format: 'parquet', uri: '/rows.parquet' },
    columns: {
      text: { type: 'string', nullable: true },
      number: { type: 'float', nullable: true },
      time: { type: 'timestamp', nullable: true },
    },
    target,
    split: { kind: 'random' },
    model: { family: 'linear' },
    features,
  });
  return withDataSession({ scratchRoot: tmpdir() }, async (session) => {
    await session.run(`CREATE TABLE part AS SELECT row_number() OVER () AS ${rowNumberColumn}, CAST(text AS VARCHAR) AS text, CAST(number AS DOUBLE) AS number,
      CAST(time AS BIGINT) AS time, CAST(target AS FLOAT) AS ${encodedTarget} FROM (${rows})`);
    const [{ n }] = await session.rows('SELECT count(*) AS n FROM part');
    const transform = await fitTransform(session, 'part', spec, Number(n));
    const { relation, columns, differing } = await trainingEncoding(session, 'part', spec, transform, Number(n));
    const training = await encodeSplit(session, relation, columns, 'CAST(0 AS FLOAT)', 'training', sampling(transform));
    await assertNoSkew(transform, training, differing);
    const serving = await serve(session, transform);
    return { transform, training: await matrix(training.numeric, transform), serving };
  });
}

function sampling({ inputs }: FittedTransform): EncodeOptions {
  return { sampled: { columns: inputs.map(({ name }) => name), rows: 101 } };
}

async function serve(session: DataSession, transform: FittedTransform): Promise<number[][]> {
  const files = await encodeSplit(session, 'part', encodedColumns(transform), 'CAST(0 AS FLOAT)', 'serving', sampling(transform));
  await assertNoSkew(transform, files);
  return matrix(files.numeric, transform);
}

async function matrix(path: string | undefined, { layout }: FittedTransform): Promise<number[][]> {
  if (path === undefined) return [];
  const values = Array.from(new Float32Array(Uint8Array.from(await readFile(path)).buffer));
  const width = layout.numeric.length;
  return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
}

const numbers = (sql: string, rows = 101) => `SELECT 'a' AS text, ${sql} AS number, 0 AS time, i % 2 AS target FROM range(${rows}) AS t(i)`;
const column = (rows: readonly number[][], place = 0) => rows.map((row) => row[place]);
const close = (values: readonly number[], digits = 6) => values.map((value) => Number(value.toFixed(digits)));

describe('a numeric feature', () => {
  it.each([
    ['standard', [-50, 50].map((x) => x / Math.sqrt(850))],
    ['robust', [-1, 1]],
    ['minmax', [0, 1]],
    ['quantile', [-1, 1]],
    ['none', [0, 100]],
  ] as const)('is brought by the scale %s to its range', async (scale, ends) => {
    const { training } = await fit(numbers('i'), { x: { kind: 'numeric', column: 'number', scale } });
    expect(close([training[0][0], training[100][0]])).toEqual(close(ends));
    expect(close([training[50][0]], 5)).toEqual(close([(ends[0] + ends[1]) / 2], 5));
  });

  it('is brought by the scale log to mean 0 and deviation 1 of its signed logarithm', async () => {
    const { training } = await fit(numbers('CASE WHEN i % 2 = 0 THEN exp(i / 10.0) ELSE -exp(i / 10.0) END'), {
      x: { kind: 'numeric', column: 'number', scale: 'log' },
    });
    const values = column(training);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeCloseTo(0, 5);
    expect(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length).toBeCloseTo(1, 5);
  });

  it('keeps the order of values and the share below them by the scale quantile, where a third of the values are equal', async () => {
    const { training } = await fit(numbers('CASE WHEN i % 3 = 0 THEN 0 ELSE pow(i, 3) END', 3000), {
      x: { kind: 'numeric', column: 'number', scale: 'quantile' },
    });
    const zeros = training[0][0];
    expect(Math.abs(zeros - (1 / 3 - 1))).toBeLessThan(0.01);
    expect(training[2999][0]).toBe(1);
    expect(Math.abs(training[1501][0] - (2 * (1 / 3 + 1 / 3) - 1))).toBeLessThan(0.01);
  });

  it('is clipped at quantiles or values before it is scaled', async () => {
    const { transform, training } = await fit(numbers('CASE WHEN i = 100 THEN 1e9 ELSE i END'), {
      share: { kind: 'numeric', column: 'number', clip: { quantiles: [0.1, 0.9] }, scale: 'minmax' },
      value: { kind: 'numeric', column: 'number', clip: { high: 40 }, scale: 'none' },
    });
    expect(transform.features[0]).toMatchObject({ clip: { low: 10, high: 90 }, center: 10, scale: 80 });
    expect(training[100]).toEqual([1, 40]);
    expect(training[0]).toEqual([0, 0]);
  });

  it('has an interquartile range of 1 where nothing varies, and is zero', async () => {
    const { training } = await fit(numbers('7'), { x: { kind: 'numeric', column: 'number', scale: 'robust' } });
    expect(new Set(column(training))).toEqual(new Set([0]));
  });
});

describe('a target encoding', () => {
  // Category a: 30 of 40 positive; b: 10 of 40; c: one row, positive; four rows without a category, positive.
  const categories = `SELECT CASE WHEN i < 40 THEN 'a' WHEN i < 80 THEN 'b' WHEN i < 81 THEN 'c' END AS text, 0 AS number, 0 AS time,
    CASE WHEN i < 30 OR (i >= 40 AND i < 50) OR i >= 80 THEN 1 ELSE 0 END AS target FROM range(85) AS t(i)`;
  const feature = { kind: 'categorical', column: 'text', encoding: 'target', smoothing: 10, minCount: 2 } as const;

  it('serves the smoothed mean target of a category, and the prior for rare and unknown ones', async () => {
    const { serving } = await fit(categories, { x: feature });
    const prior = 45 / 85;
    const scaled = (value: number) => (value - prior) / Math.sqrt(prior * (1 - prior));
    const expected = [(30 + 10 * prior) / 50, (10 + 10 * prior) / 50, prior, (4 + 10 * prior) / 14].map(scaled);
    expect(close([serving[0][0], serving[40][0], serving[80][0], serving[84][0]])).toEqual(close(expected));
  });

  it('leaves the own fold of a training row out', async () => {
    const { training, serving } = await fit(categories, { x: feature });
    // One value a fold.
    expect(new Set(column(training).slice(0, 40)).size).toBeGreaterThan(1);
    expect(new Set(column(training).slice(0, 40)).size).toBeLessThanOrEqual(5);
    expect(new Set(column(serving).slice(0, 40)).size).toBe(1);
  });

  it('says nothing in training when each row is a category of its own', async () => {
    const { training } = await fit(`SELECT i AS text, 0 AS number, 0 AS time, i % 2 AS target FROM range(1000) AS t(i)`, {
      x: { ...feature, minCount: 1 },
    });
    const means = [0, 1].map(
      (target) => column(training.filter((_, row) => row % 2 === target)).reduce((sum, value) => sum + value, 0) / 500,
    );
    expect(Math.abs(means[1] - means[0])).toBeLessThan(0.1);
  });

  it('is a column for each of several classes, and the standardized mean of a regression', async () => {
    const rows = `SELECT ['a', 'b', 'c'][i % 3 + 1] AS text, 0 AS number, 0 AS time, i % 3 AS target FROM range(300) AS t(i)`;
    const several = await fit(rows, { x: { ...feature, smoothing: 0 } }, { task: 'multiclass', name: 'target', expression: 'text' });
    expect(several.transform.layout.numeric).toEqual(['x[0]', 'x[1]', 'x[2]']);
    expect(close(several.serving[1])).toEqual(close([-1 / Math.sqrt(2), Math.sqrt(2), -1 / Math.sqrt(2)]));
    const regression = await fit(rows, { x: { ...feature, smoothing: 0 } }, { task: 'regression', name: 'target', expression: 'number' });
    expect(close(column(regression.serving.slice(0, 3)))).toEqual(close([-Math.sqrt(1.5), 0, Math.sqrt(1.5)]));
  });
});

describe('the other features', () => {
  it('weigh words as scikit-learn does', async () => {
    const texts = ["'the cat sat'", "'The dog, the dog!'", "''", 'NULL'].map(
      (text, i) => `SELECT ${text} AS text, 0 AS number, 0 AS time, ${i % 2} AS target`,
    );
    const { serving } = await fit(texts.join(' UNION ALL '), { words: { kind: 'text', column: 'text', buckets: 4096 } });
    // TfidfVectorizer().fit_transform(['the cat sat', 'The dog, the dog!', '', '']) of scikit-learn 1.9.1
    const found = serving.map((row) => close(row.filter((value) => value > 0).toSorted((a, b) => a - b)));
    expect(found).toEqual([[0.486934, 0.617614, 0.617614], [0.61913, 0.785288], [], []]);
  });

  it('hash categories into their buckets, and see missing ones apart', async () => {
    const { transform, serving } = await fit(numbers('i'), {
      hashed: { kind: 'categorical', column: 'text', encoding: 'hashing', buckets: 16, dimension: 3 },
      shown: { kind: 'categorical', column: 'text', encoding: 'one-hot' },
      year: { kind: 'calendar', column: 'time', part: 'year' },
      hour: { kind: 'calendar', column: 'time', part: 'hour', encoding: 'cyclical' },
    });
    expect(transform.layout.categorical).toEqual([
      { name: 'hashed', size: 17, dimension: 3 },
      { name: 'shown', size: 3, dimension: 'auto', encoding: 'one-hot' },
    ]);
    expect(transform.layout.numeric).toEqual(['hour sine', 'hour cosine', 'year']);
    expect(serving[0]).toEqual([0, 1, 0]);
  });
});

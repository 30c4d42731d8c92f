import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { InferenceSession } from 'onnxruntime-node';
import type { FittedTransform } from '../../contracts/dataset.js';
import type { TrainingProfile } from '../../contracts/training-profile.js';
import { definePipeline, type PipelineInput } from '../../contracts/pipeline.js';
import { withDataSession } from '../data/duckdb-session.js';
import { fitTransform } from '../data/prepare/fit-transform.js';
import type { RawTensor } from '../data/read/raw-tensors.js';
import { rowNumberColumn } from '../data/split/part-relation.js';
import { encodedTarget } from '../data/target-column.js';
import { lowerTransform } from '../data/transform/transform-kinds.js';
import { openModel, runModel } from '../export/run-model.js';
import { GraphBuilder } from '../graph/onnx-builder.js';
import { fitProfile } from './fit-profile.js';
import { lowerAnomalyScore } from './lower-anomaly-score.js';

interface Row {
  readonly text: string;
  readonly code: number;
  readonly step: bigint;
  readonly number: number;
  readonly time: bigint;
}

const missingTime = -(2n ** 63n);
const hourMs = 3_600_000n;

/** Training rows by a small generator of its own: skewed categories, an integer of few values, a number with gaps. */
function trainingRows(count: number): Row[] {
  let state = 1;
  const random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  return Array.from({ length: count }, () => ({
    text: random() < 0.05 ? '' : 'abcdefgh'[Math.floor(8 * random() ** 3)],
    code: random() < 0.1 ? Number.NaN : Math.floor(5 * random()),
    step: BigInt(Math.floor(10 * random() ** 2)),
    number: random() < 0.2 ? Number.NaN : -Math.log(random()) * 100,
    // Weekdays from six to nine.
    time: (BigInt(Math.floor(random() * 5)) * 24n + 96n + 6n + BigInt(Math.floor(random() * 4))) * hourMs,
  }));
}

const features: PipelineInput['features'] = {
  text: { kind: 'categorical', column: 'text', minCount: 1 },
  // The same column once more: it counts once.
  again: { kind: 'categorical', column: 'text', encoding: 'target', minCount: 1 },
  code: { kind: 'categorical', column: 'code', encoding: 'target', minCount: 1 },
  step: { kind: 'numeric', column: 'step' },
  number: { kind: 'numeric', column: 'number', clip: { low: 0, high: 200 } },
  hour: { kind: 'calendar', column: 'time', part: 'hour' },
  weekday: { kind: 'calendar', column: 'time', part: 'dayOfWeek', encoding: 'cyclical' },
  month: { kind: 'calendar', column: 'time', part: 'month' },
};

async function fit(rows: readonly Row[], wanted = features) {
  const spec = definePipeline({
    name: 'fixture',
    source: { format: 'parquet', uri: '/rows.parquet' },
    columns: {
      text: { type: 'string', nullable: true },
      code: { type: 'integer', nullable: true },
      step: { type: 'integer' },
      number: { type: 'float', nullable: true },
      time: { type: 'timestamp', nullable: true },
    },
    target: { task: 'binary', name: 'target', expression: 'true' },
    split: { kind: 'random' },
    model: { family: 'linear' },
    features: wanted,
  });
  return withDataSession({ scratchRoot: tmpdir() }, async (session) => {
    const number = (value: number) => (Number.isNaN(value) ? 'NULL' : String(value));
    const values = rows.map(
      (row, i) =>
        `(${i}, ${row.text === '' ? 'NULL' : `'${row.text}'`}, ${number(row.code)}, ${row.step}, ${number(row.number)}, ${row.time === missingTime ? 'NULL' : row.time})`,
    );
    await session.run(
      `CREATE TABLE part AS SELECT CAST(i AS BIGINT) AS ${rowNumberColumn}, CAST(text AS VARCHAR) AS text, CAST(code AS DOUBLE) AS code, CAST(step AS BIGINT) AS step,
        CAST(number AS DOUBLE) AS number, CAST(time AS BIGINT) AS time, CAST(i % 2 AS FLOAT) AS ${encodedTarget} FROM (VALUES ${values.join(', ')}) AS v(i, text, code, step, number, time)`,
    );
    const transform = await fitTransform(session, 'part', spec, rows.length);
    return { transform, profile: await fitProfile(session, 'part', transform, rows.length) };
  });
}

function open({ transform, profile }: { readonly transform: FittedTransform; readonly profile: TrainingProfile }) {
  const builder = new GraphBuilder('score');
  const { categorical, numeric } = lowerTransform(builder, transform);
  if (numeric) builder.output(numeric, 'float32', ['N', transform.layout.numeric.length]);
  lowerAnomalyScore(builder, transform, profile.score!, categorical, 'anomaly');
  builder.output('anomaly', 'float32', ['N', 1]);
  return openModel(builder.encode(), 1);
}

async function score(session: InferenceSession, rows: readonly Row[]): Promise<Float32Array> {
  const dims = [rows.length, 1] as const;
  const columns: Record<string, RawTensor> = {
    text: { type: 'string', data: rows.map(({ text }) => text), dims },
    code: { type: 'float64', data: Float64Array.from(rows, ({ code }) => code), dims },
    step: { type: 'int64', data: BigInt64Array.from(rows, ({ step }) => step), dims },
    number: { type: 'float64', data: Float64Array.from(rows, (row) => row.number), dims },
    time: { type: 'int64', data: BigInt64Array.from(rows, ({ time }) => time), dims },
  };
  return (await runModel(session, columns, ['anomaly'])).anomaly.data as Float32Array;
}

/** The sum of squared surprisals by counting training rows, without cells and without a graph. */
function oracle(training: readonly Row[]): (row: Row) => number {
  const category = (of: (row: Row) => string) => {
    const counts = new Map<string, number>();
    for (const row of training) counts.set(of(row), (counts.get(of(row)) ?? 0) + 1);
    return (row: Row) => {
      const own = counts.get(of(row)) ?? 0;
      const atMost = [...counts.values()].filter((count) => count <= own).reduce((sum, count) => sum + count, 0);
      return -Math.log((atMost + 1) / (training.length + 1));
    };
  };
  const tails = (of: (row: Row) => number) => {
    const values = training.map(of).filter((value) => !Number.isNaN(value));
    const missing = training.length - values.length;
    return (row: Row) => {
      const x = of(row);
      if (Number.isNaN(x)) return -Math.log((missing + 1) / (training.length + 1));
      const left = (values.filter((value) => value <= x).length + 1) / (values.length + 1);
      const right = (values.filter((value) => value >= x).length + 1) / (values.length + 1);
      return -Math.log(Math.min(1, 2 * Math.min(left, right)));
    };
  };
  const day = (time: bigint) => new Date(Number(time));
  const parts = [
    category(({ text }) => text),
    category(({ code }) => String(code)),
    category(({ time }) => (time === missingTime ? '' : String(day(time).getUTCHours()))),
    category(({ time }) => (time === missingTime ? '' : String(day(time).getUTCDay()))),
    tails(({ step }) => Number(step)),
    tails((row) => row.number),
  ];
  return (row) => parts.reduce((sum, part) => sum + part(row) ** 2, 0);
}

describe('the anomaly score of a row', () => {
  const training = trainingRows(1500);
  let fitted: Awaited<ReturnType<typeof fit>>;
  let session: InferenceSession;
  beforeAll(async () => {
    fitted = await fit(training);
    session = await open(fitted);
  });
  afterAll(() => session.release());

  it('is the share of training rows that are less unusual, by an implementation that counts rows', async () => {
    const sumOf = oracle(training);
    const sums = training.map(sumOf).toSorted((a, b) => a - b);
    const others = trainingRows(2000).slice(1500);
    const scores = await score(session, others);
    const differences = others.map((row, i) => {
      const sum = sumOf(row);
      return Math.abs(scores[i] - sums.filter((each) => each < sum - 1e-9).length / sums.length);
    });
    // What the cells of `number` and the steps of the score leave, mostly where a cell is a third of its tail.
    expect(Math.max(...differences)).toBeLessThan(0.09);
    expect(differences.reduce((sum, difference) => sum + difference, 0) / differences.length).toBeLessThan(0.01);
  });

  it('reaches a threshold for as many training rows as the threshold leaves', async () => {
    const scores = await score(session, training);
    for (const threshold of [0.25, 0.5, 0.9, 0.99]) {
      const share = scores.filter((each) => each >= Math.fround(threshold)).length / scores.length;
      expect(Math.abs(share - (1 - threshold))).toBeLessThan(0.02);
    }
    expect(scores.every((each) => each < 1)).toBe(true);
  });

  it('is exact to its steps where the numbers have few values', async () => {
    const { number: _, ...few } = features;
    const sparse = training.map((row) => ({ ...row, number: 1 }));
    const exact = await fit(sparse, few);
    const opened = await open(exact);
    const sumOf = oracle(sparse);
    const sums = sparse.map(sumOf);
    const others = trainingRows(1700)
      .slice(1500)
      .map((row) => ({ ...row, number: 1 }));
    const scores = await score(opened, others);
    const shareBelow = (sum: number) => sums.filter((each) => each < sum).length / sums.length;
    others.forEach((row, i) => {
      // Surprisals are rounded to multiples of 1/256; equal sums share a step.
      const sum = sumOf(row);
      expect(scores[i]).toBeLessThanOrEqual(shareBelow(sum + 0.02) + 1e-6);
      expect(scores[i]).toBeGreaterThan(shareBelow(sum - 0.02) - 0.0101);
    });
    await opened.release();
  });

  const ordinary: Row = { text: 'a', code: 0, step: 1n, number: 60, time: 102n * hourMs };

  it('rises with each thing that the training rows lack, and hardly for a time to come', async () => {
    const rows: Row[] = [
      ordinary,
      { ...ordinary, time: ordinary.time + 24n * 7n * 5000n * hourMs },
      { ...ordinary, text: 'never seen' },
      { ...ordinary, code: 77 },
      { ...ordinary, step: 1000n },
      { ...ordinary, step: -1000n },
      { ...ordinary, number: 1e9 },
      { ...ordinary, time: ordinary.time + 12n * hourMs },
      { ...ordinary, time: missingTime },
    ];
    const [usual, later, ...strange] = await score(session, rows);
    expect(usual).toBeLessThan(0.2);
    expect(later).toBe(usual);
    for (const each of strange) expect(each).toBeGreaterThan(0.8);
    const farther = await score(
      session,
      [10, 20, 100, 1000].map((step) => ({ ...ordinary, step: BigInt(step) })),
    );
    expect([...farther]).toEqual([...farther].toSorted((a, b) => a - b));
    expect(farther[3]).toBeGreaterThan(0.999);
    const both = await score(session, [{ ...ordinary, step: 1000n, text: 'never seen', number: 1e9 }]);
    expect(both[0]).toBe(1);
  });

  it('is in [0, 1] for every input, and highest for what is infinitely far out', async () => {
    const double = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324));
    const integer = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n));
    // The runtime reads a string up to its first NUL character, and takes UTF-8.
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', 'a', ' ')).map((each) => each.replaceAll('\0', ''));
    const row = fc.record({ text, code: double, step: integer, number: double, time: integer });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
        const scores = await score(session, rows);
        expect(scores).toHaveLength(rows.length);
        for (const each of scores) expect(each >= 0 && each <= 1).toBe(true);
      }),
      { numRuns: 300 },
    );
    const of = (number: number) => score(session, [{ ...ordinary, number }]);
    for (const far of [Infinity, -Infinity, 1e300, -1e300]) expect([...(await of(far))][0]).toBeGreaterThan(0.99);
  });

  it('tells of each column what checks need', () => {
    expect(fitted.profile.columns.map(({ name }) => name)).toEqual(['text', 'code', 'step', 'number', 'time']);
    const [text, code, step, number, time] = fitted.profile.columns;
    expect(text).toEqual({ name: 'text', hasMissing: true, categories: 'abcdefgh'.split(''), typical: 'a' });
    expect(code).toMatchObject({ hasMissing: true, categories: ['0', '1', '2', '3', '4'] });
    expect(step).toEqual({ name: 'step', hasMissing: false, range: { min: 0, max: 9 }, typical: expect.any(Number) });
    expect(number.range).toEqual({ min: Math.min(...numbers()), max: Math.max(...numbers()) });
    expect(time).toMatchObject({ hasMissing: false, range: { min: 102 * 3_600_000, max: (102 + 4 * 24 + 3) * 3_600_000 } });
    function numbers() {
      return training.map((row) => row.number).filter((value) => !Number.isNaN(value));
    }
  });

  it('copes with columns of one value, of none, and with one row', async () => {
    const constant = training.slice(0, 50).map((row) => ({ ...row, number: Number.NaN, step: 5n }));
    for (const rows of [constant, training.slice(0, 1)]) {
      const opened = await open(await fit(rows));
      const [known, ...other] = await score(opened, [rows[0], { ...rows[0], number: 3 }, { ...rows[0], step: 6n }]);
      expect(known).toBeLessThan(1);
      for (const each of other) expect(each).toBeGreaterThanOrEqual(known);
      await opened.release();
    }
  });
});

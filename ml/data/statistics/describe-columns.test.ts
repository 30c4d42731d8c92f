import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type ColumnStatistics, quantileLevels } from '../../../contracts/dataset.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { numberLiteral, textLiteral } from '../sql-quoting.js';
import { basicFigures } from './basic-figures.js';
import { categoryDistribution } from './category-distribution.js';
import { countedColumn } from './counted-column.js';
import { describeColumns } from './describe-columns.js';
import { describedColumn } from './described-column.js';
import { openDescribedRows } from './described-rows.js';
import { numberDistribution } from './number-distribution.js';

let scratchRoot: string;
beforeAll(() => {
  scratchRoot = mkdtempSync(join(tmpdir(), 'anneal-statistics-'));
});
afterAll(() => rmSync(scratchRoot, { recursive: true, force: true }));

const inSession = <T>(work: (session: DataSession) => Promise<T>) => withDataSession({ scratchRoot }, work);

interface Row {
  readonly split: number | null;
  readonly label: boolean | null;
  readonly whole: number | null;
  readonly real: number | null;
  readonly word: string | null;
}
const rowOf = fc.record<Row>({
  split: fc.constantFrom(0, 0, 1, 2, null),
  label: fc.constantFrom(true, false, null),
  whole: fc.option(fc.integer({ min: -40, max: 40 })),
  real: fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => (value === 0 ? 0 : value))),
  word: fc.option(fc.constantFrom('a', 'b', 'ä', '🙂', "o'clock", '<script>', 'Z')),
});
const source = (rows: number) => ({ relation: 'data', rowNumber: 'number', rows, split: 'part', hasTarget: true });
const columns = [
  { name: 'whole', type: 'integer' },
  { name: 'real', type: 'float' },
  { name: 'word', type: 'string' },
];

async function load(session: DataSession, rows: readonly Row[]): Promise<void> {
  await session.run(
    'CREATE OR REPLACE TABLE data (number BIGINT, part INTEGER, __target BOOLEAN, whole BIGINT, real DOUBLE, word VARCHAR)',
  );
  const literal = (row: Row, i: number) =>
    `(${[i + 1, row.split ?? 'NULL', row.label ?? 'NULL', row.whole ?? 'NULL', row.real === null ? 'NULL' : numberLiteral(row.real), row.word === null ? 'NULL' : textLiteral(row.word)].join(', ')})`;
  await session.run(`INSERT INTO data VALUES ${rows.map(literal).join(', ')}`);
}

/** The figures of numbers, row by row. */
function expected(values: readonly (number | null)[]) {
  const sorted = values.filter((value) => value !== null).toSorted((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const deviation = Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sorted.length);
  return {
    rows: values.length,
    missing: values.length - sorted.length,
    distinct: new Set(sorted).size,
    min: sorted[0],
    max: sorted[sorted.length - 1],
    mean,
    deviation,
    zeros: sorted.filter((value) => value === 0).length,
    quantiles: quantileLevels.map((level) => sorted[Math.max(0, Math.ceil(level * sorted.length - 1e-9) - 1)]),
  };
}

function expectNumbers(found: ColumnStatistics, rows: readonly Row[], name: 'whole' | 'real'): void {
  for (const [part, index] of [['all'], ['train', 0], ['validation', 1], ['test', 2]] as const) {
    const of = part === 'all' ? rows : rows.filter((row) => row.split === index);
    const { mean, deviation, ...exact } = expected(of.map((row) => row[name]));
    const figures = part === 'all' ? found : found.splits![part];
    expect(figures).toMatchObject({ rows: exact.rows, missing: exact.missing });
    if (exact.rows === exact.missing) continue;
    expect(figures).toMatchObject(exact);
    expect(Math.abs(figures.mean! - mean)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(mean)));
    expect(Math.abs(figures.standardDeviation! - deviation)).toBeLessThanOrEqual(1e-6 * Math.max(1, deviation));
    const edges = found.histogramEdges!;
    const inBin = (value: number, bin: number) => value >= edges[bin] && (value < edges[bin + 1] || bin === edges.length - 2);
    const values = of.map((row) => row[name]).filter((value) => value !== null);
    expect(figures.histogram).toEqual(
      Array.from({ length: edges.length - 1 }, (_, bin) => values.filter((value) => inBin(value, bin)).length),
    );
  }
}

describe('describeColumns', () => {
  it('gives the figures that row by row arithmetic gives, in all rows and in every split', async () => {
    await inSession((session) =>
      fc.assert(
        fc.asyncProperty(fc.array(rowOf, { minLength: 1, maxLength: 60 }), async (rows) => {
          await load(session, rows);
          const [whole, real, word] = await describeColumns(session, source(rows.length), columns, 'binary');
          expectNumbers(whole, rows, 'whole');
          expectNumbers(real, rows, 'real');
          const counts = new Map<string, number>();
          for (const { word: value } of rows) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
          expect(new Map(word.topValues?.map(({ value, rows: n }) => [value, n]))).toEqual(counts);
          expect(word.topValues?.map((value) => value.rows) ?? []).toEqual([...counts.values()].toSorted((a, b) => b - a));
          const train = rows.filter((row) => row.split === 0 && row.word !== null);
          expect(word.splits!.train.topValues?.reduce((sum, value) => sum + value.rows, 0) ?? 0).toBe(train.length);
        }),
        { numRuns: 40 },
      ),
    );
  });

  it('finds the same by counting values and by the queries for many values', async () => {
    await inSession((session) =>
      fc.assert(
        fc.asyncProperty(fc.array(rowOf, { minLength: 1, maxLength: 60 }), async (rows) => {
          await load(session, rows);
          const described = columns.map(describedColumn);
          const { all } = await openDescribedRows(session, source(rows.length), described);
          const classSql = 'CAST(__target AS INTEGER)';
          const basics = await basicFigures(session, all, described);
          for (const [i, column] of described.entries()) {
            const counted = (await countedColumn(session, all, column, classSql))!;
            const values = column.kind === 'text' ? undefined : await numberDistribution(session, all, column, classSql, true);
            const categories = column.kind === 'float' ? undefined : await categoryDistribution(session, all, column, classSql);
            for (const [split, figures] of counted.bySplit) {
              const queried = { ...basics[i].get(split), ...values?.bySplit.get(split), ...categories?.bySplit.get(split) };
              if (queried.rows === queried.missing) continue;
              const { mean, standardDeviation, ...exact } = figures;
              expect(queried).toMatchObject(exact);
              if (mean !== undefined) expect(Math.abs(queried.mean! - mean)).toBeLessThan(1e-9 * Math.max(1, Math.abs(mean)));
              if (standardDeviation !== undefined)
                expect(Math.abs(queried.standardDeviation! - standardDeviation)).toBeLessThan(1e-6 * Math.max(1, standardDeviation));
            }
            expect((categories ?? values)?.mutualInformation).toEqual(counted.mutualInformation);
          }
        }),
        { numRuns: 40 },
      ),
    );
  });

  it('describes columns without a value, with one value, one row, and images by their size', async () => {
    await inSession(async (session) => {
      await session.run(
        "CREATE TABLE data AS SELECT 1 AS number, 0 AS part, 2.5 AS __target, CAST(NULL AS DOUBLE) AS real, 7 AS whole, TIMESTAMP '0200-01-01' AS time, CAST('abc' AS BLOB) AS picture, false AS flag",
      );
      const wanted = Object.entries({ real: 'float', whole: 'integer', time: 'timestamp', picture: 'image', flag: 'boolean' });
      const found = await describeColumns(
        session,
        source(1),
        wanted.map(([name, type]) => ({ name, type })),
        'regression',
      );
      const one = { rows: 1, missing: 0 };
      expect(found).toMatchObject([
        { column: 'real', rows: 1, missing: 1, distinct: 0 },
        { ...one, min: 7, max: 7, standardDeviation: 0, histogram: [1], histogramEdges: [7, 7], topValues: [{ value: '7', rows: 1 }] },
        { ...one, min: '0200-01-01 00:00:00', histogram: [1], splits: { train: one, validation: { rows: 0 }, test: { rows: 0 } } },
        { ...one, type: 'image', length: { min: 3, mean: 3, max: 3 } },
        { ...one, topValues: [{ value: 'false', rows: 1 }] },
      ]);
      expect(found[3].distinct).toBeUndefined();
      expect(found.every(({ mutualInformation }) => mutualInformation === undefined)).toBe(true);
      expect(await describeColumns(session, { ...source(0) }, columns)).toEqual([]);
    });
  });

  it('keeps a few values far out from squeezing the histogram', async () => {
    await inSession(async (session) => {
      await session.run(
        'CREATE TABLE data AS SELECT i AS number, i % 3 AS part, i % 2 = 0 AS __target, CASE WHEN i = 1 THEN 1e12 ELSE i / 100.0 END AS real FROM range(10000) AS t(i)',
      );
      const [real] = await describeColumns(session, source(10_000), [columns[1]], 'binary');
      expect(Math.max(...real.histogram!)).toBeLessThan(1000);
      expect(real.histogramEdges!.at(-1)).toBe(1e12);
      expect(real.histogram!.at(-1)).toBeLessThan(200);
    });
  });

  it('tells how much of the target a column knows, with every task', async () => {
    await inSession(async (session) => {
      await session.run(
        `CREATE TABLE data AS SELECT i AS number, 0 AS part, (i * 7919) % 1000 AS whole, hash(i) % 1000 / 1000.0 AS real, chr(97 + (i % 4)::INTEGER) AS word FROM range(20000) AS t(i)`,
      );
      const informationOf = async (target: string, task: 'binary' | 'multiclass' | 'regression') => {
        await session.run(`CREATE OR REPLACE VIEW labelled AS SELECT *, ${target} AS __target FROM data`);
        const found = await describeColumns(session, { ...source(20_000), relation: 'labelled' }, columns, task);
        return found.map(({ mutualInformation }) => mutualInformation!);
      };
      const [half, noise, none] = await informationOf('whole < 499', 'binary');
      expect(half.nats).toBeCloseTo(Math.log(2), 3);
      expect(half.normalized).toBeCloseTo(1, 3);
      expect(noise.nats).toBeLessThan(0.002);
      expect(none.nats).toBeLessThan(0.001);
      const [, , letter] = await informationOf('word', 'multiclass');
      expect(letter.nats).toBeCloseTo(Math.log(4), 3);
      const [itself, , other] = await informationOf('CAST(whole AS DOUBLE)', 'regression');
      expect(itself.normalized).toBeCloseTo(1, 2);
      // whole modulo 4 follows the letter, its size does not.
      expect(other.nats).toBeLessThan(0.01);
    });
  });

  it('describes more columns than are read at once, in their order', async () => {
    await inSession(async (session) => {
      const many = Array.from({ length: 205 }, (_, i) => ({ name: `v${i}`, type: i % 2 === 0 ? 'integer' : 'string' }));
      const values = many.map(
        ({ name, type }, i) => `${type === 'string' ? `'s' || (i * ${i + 1}) % 7` : `(i * ${i + 1}) % 101`} AS ${name}`,
      );
      await session.run(
        `CREATE TABLE data AS SELECT i AS number, i % 3 AS part, i % 7 < 3 AS __target, ${values.join(', ')} FROM range(2000) AS t(i)`,
      );
      const whole = await describeColumns(session, source(2000), many, 'binary');
      expect(whole.map(({ column }) => column)).toEqual(many.map(({ name }) => name));
      expect(whole[204]).toMatchObject({ rows: 2000, min: 0, max: 100, distinct: 101 });
    });
  });

  it('takes the quantiles of too many rows from a sample, the same at every attempt, and counts all of them', async () => {
    await inSession(async (session) => {
      await session.run(
        `CREATE TABLE data AS SELECT i AS number, i % 3 AS part, i % 7 < 3 AS __target, (i * 7) % 101 AS whole, (i * 7919) % 30000 / 7.0 AS real, 's' || i % 7 AS word FROM range(30000) AS t(i)`,
      );
      const sampled = { ...source(30_000), sampledCells: 30_000 };
      const first = await describeColumns(session, sampled, columns, 'binary');
      expect(await describeColumns(session, sampled, columns, 'binary')).toEqual(first);
      const exact = await describeColumns(session, source(30_000), columns, 'binary');
      const [few, { sampledRows, ...many }, words] = first;
      expect([few, words]).toEqual([exact[0], exact[2]]);
      expect(sampledRows).toBeGreaterThan(9500);
      expect(sampledRows).toBeLessThan(10_500);
      expect(many.histogram!.reduce((sum, rows) => sum + rows, 0)).toBe(sampledRows);
      expect(Math.abs(many.quantiles![3] - exact[1].quantiles![3])).toBeLessThan(100);
      for (const name of ['rows', 'missing', 'min', 'max', 'mean', 'standardDeviation', 'zeros'] as const) {
        expect([name, many[name]]).toEqual([name, exact[1][name]]);
        expect([name, many.splits!.test[name]]).toEqual([name, exact[1].splits!.test[name]]);
      }
    });
  });
});

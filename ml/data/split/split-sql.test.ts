import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { definePipeline, type PipelineInput, type PipelineSpec } from '../../../contracts/pipeline.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { hashFraction } from './row-hash.js';
import { splitRelation } from './split-sql.js';

interface Row {
  readonly id: number;
  readonly site: string;
  readonly positive: boolean;
}

let scratchRoot: string;
beforeAll(() => {
  scratchRoot = mkdtempSync(join(tmpdir(), 'anneal-split-'));
});
afterAll(() => rmSync(scratchRoot, { recursive: true }));

function specOf(split: PipelineInput['split']): PipelineSpec {
  return definePipeline({
    name: 'split',
    source: { format: 'csv', uri: 'x.csv' },
    columns: { id: { type: 'integer' }, site: { type: 'string' } },
    target: { task: 'binary', name: 'positive', expression: 'true' },
    split,
    features: { site: { kind: 'categorical', column: 'site' } },
    model: { family: 'linear' },
  });
}

async function fill(session: DataSession, rows: readonly Row[]): Promise<void> {
  const values = rows.map(({ id, site, positive }) => `(${id}, '${site}', ${positive})`).join(', ');
  await session.run(`CREATE OR REPLACE TABLE clean AS SELECT * FROM (VALUES ${values}) AS t(id, site, __target)`);
}

/** Part of each row, in the order of the rows. */
async function partsOf(session: DataSession, rows: readonly Row[], spec: PipelineSpec): Promise<(number | null)[]> {
  await fill(session, rows);
  const found = await session.rows(await splitRelation(session, 'clean', spec, 'part'));
  expect(found.map(({ id }) => Number(id))).toEqual(rows.map(({ id }) => id));
  return found.map(({ part }) => (part === null ? null : Number(part)));
}

const table = fc
  .array(fc.record({ site: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), positive: fc.boolean() }), { minLength: 1, maxLength: 120 })
  .map((rows) => rows.map((row, id) => ({ ...row, id })));
const anySplit = fc.oneof(
  fc.record({ kind: fc.constant('random' as const), stratify: fc.constant(false), seed: fc.nat(1000) }),
  fc.record({ kind: fc.constant('group' as const), columns: fc.constant<string[]>(['site']), seed: fc.nat(1000) }),
);

describe('hashFraction', () => {
  it('gives equal images equal numbers, others other ones, and a missing one a number of its own', () =>
    withDataSession({ scratchRoot }, async (session) => {
      const fraction = hashFraction('1', ['photo', 'id'], { photo: { type: 'image' } } as unknown as PipelineSpec['columns']);
      const found = await session.rows(
        `SELECT ${fraction} AS f FROM (VALUES ('\\x00\\xff'::BLOB, 1), ('\\x00\\xff'::BLOB, 1), ('\\x00\\xfe'::BLOB, 1), (NULL, 1)) AS t(photo, id)`,
      );
      const [a, again, other, none] = found.map(({ f }) => Number(f));
      expect(again).toBe(a);
      expect(new Set([a, other, none]).size).toBe(3);
    }));
});

describe('splitRelation', () => {
  it('leaves every row in its part when rows are added and reordered', () =>
    withDataSession({ scratchRoot }, (session) =>
      fc.assert(
        fc.asyncProperty(table, anySplit, fc.nat(), async (rows, split, cut) => {
          const spec = specOf(split);
          const whole = await partsOf(session, rows, spec);
          const fewer = rows.slice(0, 1 + (cut % rows.length)).reverse();
          expect(await partsOf(session, fewer, spec)).toEqual(fewer.map(({ id }) => whole[id]));
        }),
        { numRuns: 25 },
      ),
    ));

  it('never has a group in two parts', () =>
    withDataSession({ scratchRoot }, (session) =>
      fc.assert(
        fc.asyncProperty(table, fc.nat(1000), async (rows, seed) => {
          const parts = await partsOf(session, rows, specOf({ kind: 'group', columns: ['site'], seed }));
          for (const [i, { site }] of rows.entries()) expect(parts[i]).toBe(parts[rows.findIndex((row) => row.site === site)]);
        }),
        { numRuns: 25 },
      ),
    ));

  it('gives each class its exact shares when it is stratified, whatever the order of the rows', () =>
    withDataSession({ scratchRoot }, (session) =>
      fc.assert(
        fc.asyncProperty(table, fc.nat(1000), async (rows, seed) => {
          const spec = specOf({ kind: 'random', stratify: true, validation: 0.2, test: 0.3, seed });
          const parts = await partsOf(session, rows, spec);
          for (const positive of [false, true]) {
            const own = parts.filter((_, i) => rows[i].positive === positive);
            expect(Math.abs(own.filter((part) => part === 2).length - 0.3 * own.length)).toBeLessThanOrEqual(0.5 + 1e-9);
            expect(Math.abs(own.filter((part) => part === 0).length - 0.5 * own.length)).toBeLessThanOrEqual(0.5 + 1e-9);
          }
          const turned = [...rows].reverse();
          expect(await partsOf(session, turned, spec)).toEqual(turned.map(({ id }) => parts[id]));
        }),
        { numRuns: 25 },
      ),
    ));

  it('moves few rows of a stratified split when the data grow by a tenth', () =>
    withDataSession({ scratchRoot }, async (session) => {
      const spec = specOf({ kind: 'random', stratify: true });
      const rows = Array.from({ length: 2200 }, (_, id) => ({ id, site: 'a', positive: id % 3 === 0 }));
      const whole = await partsOf(session, rows, spec);
      const before = await partsOf(session, rows.slice(0, 2000), spec);
      const moved = before.filter((part, id) => part !== whole[id]).length;
      expect(moved).toBeLessThan(60);
    }));

  it('keeps copies of a row together in a stratified split', () =>
    withDataSession({ scratchRoot }, async (session) => {
      const rows = Array.from({ length: 60 }, (_, i) => ({ id: i % 20, site: 'a', positive: i % 2 === 0 }));
      const parts = await partsOf(session, rows, specOf({ kind: 'random', stratify: true }));
      expect(parts.slice(20, 40)).toEqual(parts.slice(0, 20));
      expect(new Set(parts)).toEqual(new Set([0, 1, 2]));
    }));

  it('has shares of the rows near what was asked for', () =>
    withDataSession({ scratchRoot }, async (session) => {
      const rows = Array.from({ length: 10_000 }, (_, id) => ({ id, site: 'a', positive: true }));
      const parts = await partsOf(session, rows, specOf({ kind: 'random', validation: 0.1, test: 0.2 }));
      expect(parts.filter((part) => part === 1).length / 10_000).toBeCloseTo(0.1, 1);
      expect(parts.filter((part) => part === 2).length / 10_000).toBeCloseTo(0.2, 1);
    }));

  it('refuses to stratify by keys whose rows have several classes', () =>
    withDataSession({ scratchRoot }, async (session) => {
      const rows = [0, 1, 2, 3].map((id) => ({ id, site: id < 2 ? 'a' : 'b', positive: id === 0 || id === 3 }));
      await expect(partsOf(session, rows, specOf({ kind: 'random', key: ['site'], stratify: true }))).rejects.toMatchObject({
        type: 'InvalidData',
        message: expect.stringContaining('2 values of its key (site)') as unknown,
      });
    }));

  it('divides by the values of a column, and leaves out those that are not listed', () =>
    withDataSession({ scratchRoot }, async (session) => {
      const rows = ['a', 'b', 'c', 'd', "o'x"].map((site, id) => ({ id, site: site.replace("'", "''"), positive: true }));
      const spec = specOf({ kind: 'column', column: 'site', train: ['a', "o'x"], validation: ['b'], test: ['d'] });
      expect(await partsOf(session, rows, spec)).toEqual([0, 1, null, 2, 0]);
      const numbers = specOf({ kind: 'column', column: 'id', train: [0, 1], validation: [2], test: [3] });
      expect(await partsOf(session, rows, numbers)).toEqual([0, 0, 1, 2, null]);
    }));
});

describe('the definition of a split', () => {
  it.each([
    [{ kind: 'group', columns: ['nowhere'] }, 'split.columns: there is no column "nowhere" in columns'],
    [{ kind: 'column', column: 'site', train: ['a'], validation: ['b'], test: ['a'] }, 'split.test: "a" is in split.train already'],
    [{ kind: 'column', column: 'lost', train: ['a'], validation: ['b'], test: ['c'] }, 'there is no column "lost"'],
    [{ kind: 'random', key: ['lost'] }, 'split.key: there is no column "lost"'],
  ] as const)('refuses %j', (split, problem) => {
    expect(() => specOf(split as unknown as PipelineInput['split'])).toThrow(problem);
  });
});

import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import type { FittedFeature, FittedTransform } from '../../../contracts/dataset.js';
import { withDataSession } from '../duckdb-session.js';
import { encodeSplit } from './encode-split.js';
import { rowNumberColumn } from '../split/part-relation.js';
import { assertNoSkew } from './skew-check.js';
import { encodedColumns, layoutOf } from '../transform/transform-kinds.js';

const rows = 70_000;
const features: readonly FittedFeature[] = [
  { kind: 'categorical', name: 'kind', input: 'kind', vocabulary: ['a', 'c'], dimension: 'auto' },
  { kind: 'numeric', name: 'amount', input: 'amount', fill: 3, center: 10, scale: 7, missingIndicator: true },
];
const transform: FittedTransform = {
  formatVersion: 1,
  inputs: [
    { name: 'kind', type: 'string', columnType: 'string', nullable: false },
    { name: 'amount', type: 'float64', columnType: 'float', nullable: true },
  ],
  features,
  layout: layoutOf(features),
};

async function check(tamper: (path: { categorical?: string; numeric?: string }) => Promise<void>): Promise<void> {
  await withDataSession({ scratchRoot: tmpdir() }, async (session) => {
    await session.run(
      `CREATE VIEW part AS SELECT i + 1 AS ${rowNumberColumn}, chr(97 + (i % 3)::INTEGER) AS kind, CASE WHEN i % 5 > 0 THEN i / 3.0 END::DOUBLE AS amount FROM range(${rows}) AS t(i)`,
    );
    const done: number[] = [];
    const files = await encodeSplit(session, 'part', encodedColumns(transform), 'CAST(0 AS FLOAT)', 'train', {
      onRows: (count) => done.push(count),
      sampled: { columns: ['kind', 'amount'], rows },
    });
    expect(files.rows).toBe(rows);
    expect(done.at(-1)).toBe(rows);
    await tamper(files);
    await assertNoSkew(transform, files);
  });
}

async function overwrite(path: string, change: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readFile(path);
  change(bytes);
  await writeFile(path, bytes);
}

describe('assertNoSkew', () => {
  it('passes what was encoded, over the border of a block', async () => {
    await check(async ({ categorical, numeric }) => {
      const indices = await readFile(categorical!);
      expect([0, 1, 2, rows - 1].map((row) => indices.readInt32LE(4 * row))).toEqual([2, 1, 3, 2]);
      const values = await readFile(numeric!);
      expect(values.readFloatLE(8 * (rows - 1))).toBe(Math.fround(((rows - 1) / 3 - 10) / 7));
      expect([0, 1].map((row) => values.readFloatLE(8 * row + 4))).toEqual([1, 0]);
    });
  });

  it.each([
    ['categorical', /"kind" is 9 as encoded for training and [012] by the graph/],
    ['numeric', /"amount" is .* as encoded for training and .* by the graph/],
  ] as const)('names row, feature and both values when the %s array says something else', async (part, message) => {
    const work = check((files) =>
      overwrite(files[part]!, (bytes) => {
        for (let at = 0; at < bytes.length; at += 4) if (part === 'categorical' || at % 8 === 0) bytes.writeInt32LE(9, at);
      }),
    );
    await expect(work).rejects.toMatchObject({ type: 'InvalidModel', message: expect.stringMatching(message) });
  });
});

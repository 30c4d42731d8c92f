import { describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { numbersOf, rowsWithValue } from './chunk-memory.js';
import { withDataSession } from './duckdb-session.js';

async function eachChunk(sql: string, work: (chunk: DuckDBDataChunk, rows: number) => void): Promise<void> {
  await withDataSession({ scratchRoot: tmpdir() }, async (session) => {
    for await (const chunk of session.chunks(sql)) work(chunk, chunk.rowCount);
  });
}

describe('numbersOf', () => {
  it.each([1, 7, 8, 63, 64, 65, 2048, 5000])('reads %i rows of integers and floats as they are', async (rows) => {
    const integers: number[] = [];
    const floats: number[] = [];
    // A CASE leaves a mask of validity behind, though no value is missing.
    const sql = `SELECT CASE WHEN i % 2 = 0 THEN i ELSE -i END::INTEGER AS a, coalesce(CASE WHEN i % 3 > 0 THEN i / 4 END, -0.5)::FLOAT AS b FROM range(${rows}) AS t(i)`;
    await eachChunk(sql, (chunk, count) => {
      integers.push(...numbersOf(chunk, 0, count, Int32Array));
      floats.push(...numbersOf(chunk, 1, count, Float32Array));
    });
    const expected = Array.from({ length: rows }, (_, i) => i);
    expect(integers).toEqual(expected.map((i) => (i % 2 === 0 ? i : -i)));
    expect(floats).toEqual(expected.map((i) => (i % 3 > 0 ? i / 4 : -0.5)));
  });

  it.each([0, 5, 8, 99])('refuses a column in which row %i has no value', async (missing) => {
    const work = eachChunk(`SELECT CASE WHEN i <> ${missing} THEN i END::INTEGER AS a FROM range(100) AS t(i)`, (chunk, rows) =>
      numbersOf(chunk, 0, rows, Int32Array),
    );
    await expect(work).rejects.toThrow('has a row without a value');
  });

  it('refuses a column of another type', async () => {
    const work = eachChunk('SELECT i::BIGINT AS a FROM range(3) AS t(i)', (chunk, rows) => numbersOf(chunk, 0, rows, Float32Array));
    await expect(work).rejects.toThrow('Column 0 of a chunk is of DuckDB');
  });
});

describe('rowsWithValue', () => {
  it('names the rows that have one, also where all or none have', async () => {
    const found: number[][] = [];
    const sql =
      'SELECT CASE WHEN i % 7 = 3 OR i = 99 THEN struct_pack(x := i) END AS a, i AS b, CAST(NULL AS VARCHAR) AS c FROM range(100) AS t(i)';
    await eachChunk(sql, (chunk, rows) => {
      for (const column of [0, 1, 2]) found.push(rowsWithValue(chunk, column, rows));
    });
    const every = Array.from({ length: 100 }, (_, i) => i);
    expect(found).toEqual([every.filter((i) => i % 7 === 3 || i === 99), every, []]);
  });
});

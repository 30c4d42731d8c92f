import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withDataSession } from '../ml/data/duckdb-session.js';
import { textLiteral } from '../ml/data/sql-quoting.js';
import { quarantine, writeRows } from './quarantine.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-quarantine-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('anneal quarantine', () => {
  it('writes the rows with their number and reason as CSV and as lines of JSON', async () => {
    const parquet = join(folder, 'rows.parquet');
    const rows = `SELECT 7 AS amount, 'a, b' AS kind, 3 AS __anneal_row, 'amount is above 5' AS __anneal_reason`;
    await withDataSession({ scratchRoot: folder }, (session) => session.run(`COPY (${rows}) TO ${textLiteral(parquet)} (FORMAT parquet)`));
    await writeRows(parquet, join(folder, `it's.csv`), 'FORMAT csv, HEADER true', folder);
    expect(readFileSync(join(folder, `it's.csv`), 'utf8')).toBe('amount,kind,__anneal_row,__anneal_reason\n7,"a, b",3,amount is above 5\n');
    await writeRows(parquet, join(folder, 'rows.ndjson'), 'FORMAT json', folder);
    expect(JSON.parse(readFileSync(join(folder, 'rows.ndjson'), 'utf8'))).toEqual({
      amount: 7,
      kind: 'a, b',
      __anneal_row: 3,
      __anneal_reason: 'amount is above 5',
    });
  });

  it('refuses a kind of file that it cannot write, and names those that it can', async () => {
    await expect(quarantine('20261123-214500-x7k2', { output: 'rows.xlsx' })).rejects.toThrow(/rows\.xlsx.*\.csv, \.ndjson/);
  });
});

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { withDataSession } from './duckdb-session.js';

describe('a query that somebody watches', () => {
  it('tells how far it is, ever further, until it is done', async () => {
    const shares: number[] = [];
    await withDataSession({ scratchRoot: tmpdir() }, async (session) => {
      const path = join(session.scratch, 'numbers.parquet');
      await session.run(`COPY (SELECT range AS i FROM range(2000000)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 50000)`);
      const slow = `CREATE OR REPLACE TABLE digests AS SELECT max(sha256(sha256(CAST(i AS VARCHAR)))) AS last FROM '${path}'`;
      await session.run(slow, (share) => shares.push(share));
      const told = shares.length;
      await session.run(slow);
      expect(shares).toHaveLength(told);
    });
    expect(shares.length).toBeGreaterThan(0);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    for (const share of shares) expect(share).toBeLessThanOrEqual(1);
    expect(shares.some((share) => share > 0 && share < 1)).toBe(true);
  });
});

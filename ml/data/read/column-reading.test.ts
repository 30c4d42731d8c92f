import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { withDataSession } from '../duckdb-session.js';
import { readColumn } from './column-reading.js';

describe('a number in a text file', () => {
  it('is missing where nothing stands, or a word for it, however it is written', async () => {
    const { isMissing } = readColumn('x', 'float', 'VARCHAR', 'text')!;
    const values = `(VALUES (1, NULL), (2, ''), (3, ' NA '), (4, 'NaN'), (5, 'n/a'), (6, 'None'), (7, '0'), (8, 'nothing'), (9, 'na na')) AS t(i, x)`;
    const rows = await withDataSession({ scratchRoot: tmpdir() }, (session) =>
      session.rows(`SELECT ${isMissing} AS missing FROM ${values} ORDER BY i`),
    );
    expect(rows.map(({ missing }) => missing)).toEqual([true, true, true, true, true, true, false, false, false]);
  });

  it('is read in one pass, of which DuckDB can tell how far it is', async () => {
    const { isMissing } = readColumn('x', 'float', 'VARCHAR', 'text')!;
    const [{ explain_value: plan }] = await withDataSession({ scratchRoot: tmpdir() }, (session) =>
      session.rows(`EXPLAIN SELECT CASE WHEN ${isMissing} THEN 0 END FROM (SELECT CAST(range AS VARCHAR) AS x FROM range(9))`),
    );
    expect(String(plan)).toContain('PROJECTION');
    expect(String(plan)).not.toMatch(/JOIN|COLUMN_DATA_SCAN/);
  });
});

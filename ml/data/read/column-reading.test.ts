import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { withDataSession } from '../duckdb-session.js';
import { readColumn } from './column-reading.js';
import { parseIsoTimestamp } from './iso-timestamp.js';

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

describe('a time in a text file', () => {
  it.each([
    ['2001-02-03', '2001-02-03T00:00:00.000Z'],
    ['2001-02-03T04:05', '2001-02-03T04:05:00.000Z'],
    ['2001-02-03T04:05Z', '2001-02-03T04:05:00.000Z'],
    ['2001-02-03 04:05+01:00', '2001-02-03T03:05:00.000Z'],
    ['2001-02-03T04:05-0130', '2001-02-03T05:35:00.000Z'],
    ['2001-02-03T04:05+01', '2001-02-03T03:05:00.000Z'],
    ['2001-02-03 04:05:06+01', '2001-02-03T03:05:06.000Z'],
    ['2001-02-03 04:05:06.789-05', '2001-02-03T09:05:06.789Z'],
    ['2001-02-03T04:05:06.123456789Z', '2001-02-03T04:05:06.123Z'],
    ['2001-02-30T04:05Z', undefined],
    ['2001-02-03T24:05Z', undefined],
    ['2001-02-03T04:05+', undefined],
    ['2001-02-03T04:05+1', undefined],
    ['2001-02-03T04Z', undefined],
    ['soon', undefined],
  ])('is read as by a host: %s', async (text, iso) => {
    const { typed } = readColumn('x', 'timestamp', 'VARCHAR', 'text')!;
    const [{ ms }] = await withDataSession({ scratchRoot: tmpdir() }, (session) =>
      session.rows(`SELECT epoch_ms(${typed}) AS ms FROM (VALUES ('${text}')) AS t(x)`),
    );
    const expected = iso === undefined ? undefined : Date.parse(iso);
    expect(ms === null ? undefined : Number(ms)).toBe(expected);
    expect(parseIsoTimestamp(text)).toBe(expected);
  });
});

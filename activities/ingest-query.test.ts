import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SourceSpec } from '../contracts/pipeline.js';
import { failureOf, IngestFixture } from './ingest-fixture.js';

let fixture: IngestFixture;
beforeEach(async () => {
  fixture = new IngestFixture();
  await fixture.parquet(
    'flights.parquet',
    `SELECT i AS id, ['SFO', 'LAX'][(i % 2)::INTEGER + 1] AS origin, i * 10 AS distance FROM range(4) t(i)`,
  );
  fixture.write('airports.csv', 'code,city,runways\nSFO,San Francisco,4\nLAX,Los Angeles,\n');
});
afterEach(() => fixture.dispose());

function query(text: string, types?: Record<string, 'integer'>): SourceSpec {
  return {
    query: text,
    sources: {
      flights: { format: 'parquet', uri: 'flights.parquet' },
      airports: { format: 'csv', uri: 'airports.csv', ...(types ? { types } : {}) },
    },
  };
}

describe('a query', () => {
  it('joins its sources, once', async () => {
    const source = query(
      `SELECT f.id, city, runways + 1 AS more, distance / 2 AS half FROM flights f JOIN airports a ON code = origin ORDER BY id -- all`,
      { runways: 'integer' },
    );
    const snapshot = await fixture.ingest(source);
    expect((await fixture.snapshotRows(snapshot)).slice(0, 2)).toEqual([
      { id: 0n, city: 'San Francisco', more: 5n, half: 0 },
      { id: 1n, city: 'Los Angeles', more: null, half: 5 },
    ]);
    const manifest = await fixture.manifest(snapshot);
    expect(manifest.sources.map(({ uri }) => uri)).toEqual(['flights.parquet', 'airports.csv']);
    expect(manifest).toMatchObject({ typing: 'text', query: 'query' in source ? source.query : '' });
    expect(await fixture.ingest(source)).toEqual({ ...snapshot, reused: true });
  });

  it('sees the columns of a CSV file as text, unless types are given', async () => {
    expect(await fixture.snapshotRows(await fixture.ingest(query('SELECT typeof(runways) AS t FROM airports LIMIT 1')))).toEqual([
      { t: 'VARCHAR' },
    ]);
    const typed = await fixture.ingest(query('SELECT typeof(runways) AS t FROM airports LIMIT 1', { runways: 'integer' }));
    expect(await fixture.snapshotRows(typed)).toEqual([{ t: 'BIGINT' }]);
    expect((await failureOf(fixture.ingest(query('FROM airports', { city: 'integer' })))).message).toMatch(/query.*San Francisco/);
    expect((await failureOf(fixture.ingest(query('FROM airports', { town: 'integer' })))).message).toMatch(/"town"/);
  });

  it.each([
    ['another file', `FROM read_csv('/etc/passwd')`],
    ['another file as text', `SELECT content FROM read_text('/etc/passwd')`],
    ['a file by its name alone', `FROM '/etc/passwd'`],
    ['the names of files', `FROM glob('/etc/*')`],
    ['a file of its own folder', `FROM read_csv('airports.csv')`],
    ['an extension', `INSTALL httpfs`],
    ['a setting', `SET threads = 8`],
    ['a change', `DROP VIEW flights`],
    ['a file to write', `COPY (SELECT 1) TO '/tmp/out.csv'`],
    ['two statements', `SELECT 1; SELECT 2`],
    ['a statement after a bracket', `SELECT 1) TO '/tmp/out.csv'; SELECT (2`],
    ['a database', `ATTACH '/tmp/other.db'`],
    ['another table', `FROM nothing`],
    ['one name twice', `SELECT id, id FROM flights`],
  ])('is refused for %s', async (_, text) => {
    const failure = await failureOf(fixture.ingest(query(text)));
    expect(failure).toMatchObject({ type: 'InvalidPipeline', nonRetryable: true });
    expect(failure.message).toMatch(/The query of the source cannot be used/);
  });

  it('is refused without rows, as a source is', async () => {
    expect((await failureOf(fixture.ingest(query('FROM flights WHERE id < 0')))).message).toMatch(/query over flights, airports.*no rows/);
  });
});

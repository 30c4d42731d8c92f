import { describe, expect, it } from '@jest/globals';
import { describeSource, mapSourceUris, type SourceSpec, sourceSpec, sourceUris } from './source.js';

const query: SourceSpec = sourceSpec.parse({
  query: 'SELECT * FROM a JOIN b USING (k)',
  sources: { a: { format: 'parquet', uri: ['x/1.parquet', 'x/2.parquet'] }, b: { format: 'csv', uri: 'b.csv', types: { k: 'integer' } } },
});

describe('a source', () => {
  it.each<[object]>([
    [{ format: 'parquet', uri: 'data/flights' }],
    [{ format: 'arrow', uri: ['a.arrow', 's3://bucket/b.arrow'], unionByName: true }],
    [
      {
        format: 'csv',
        uri: 'a.csv',
        delimiter: '||',
        quote: '',
        escape: '\\',
        comment: '#',
        skipRows: 3,
        nullText: ['NA', '-'],
        encoding: 'windows-1252',
      },
    ],
    [{ format: 'tsv', uri: 'a.tsv', header: false, names: ['a', 'b'], ragged: 'pad', compression: 'zstd' }],
    [{ format: 'ndjson', uri: 'a/**/*.ndjson', hivePartitions: 'ignore', window: { column: 'at', since: '-7d' } }],
    [{ query: 'SELECT 1', sources: { t_1: { format: 'json', uri: 'a.json' } }, window: { column: 'at', until: 'now' } }],
  ])('can be %j', (source) => {
    // Nothing is filled in that would change the digest of a definition.
    expect(sourceSpec.parse(source)).toEqual(source);
  });

  it.each<[string, object, string]>([
    ['no place', { format: 'csv' }, 'give a path or a list of paths'],
    ['no places', { format: 'csv', uri: [] }, '>=1 items'],
    ['an unknown format', { format: 'xlsx', uri: 'a.xlsx' }, 'Invalid'],
    ['an option of another format', { format: 'parquet', uri: 'a', delimiter: ';' }, 'delimiter'],
    ['a delimiter that ends the line', { format: 'csv', uri: 'a', delimiter: '\n' }, 'one to four characters, no line end'],
    ['a quote of two characters', { format: 'csv', uri: 'a', quote: '""' }, 'one character'],
    ['names beside a header', { format: 'csv', uri: 'a', names: ['x'] }, 'names are for files without a header'],
    ['an encoding that is no name', { format: 'csv', uri: 'a', encoding: "utf-8'; DROP" }, 'the name of an encoding'],
    ['a fraction of a line to skip', { format: 'tsv', uri: 'a', skipRows: 0.5 }, 'expected int'],
    ['types outside of a query', { format: 'csv', uri: 'a', types: { x: 'integer' } }, 'types'],
    ['a query over nothing', { query: 'SELECT 1', sources: {} }, 'name at least one'],
    ['a table whose name is SQL', { query: 'SELECT 1', sources: { 'a b': { format: 'csv', uri: 'a' } } }, 'Invalid key'],
    [
      'tables that differ in case alone',
      { query: 'SELECT 1', sources: { a: { format: 'csv', uri: 'a' }, A: { format: 'csv', uri: 'b' } } },
      'names must differ in more than upper and lower case',
    ],
    ['a type that is none', { query: 'SELECT 1', sources: { a: { format: 'csv', uri: 'a', types: { x: 'int' } } } }, 'Invalid option'],
    [
      'a window on a table of a query',
      { query: 'SELECT 1', sources: { a: { format: 'csv', uri: 'a', window: { column: 'at', since: 'now' } } } },
      'window',
    ],
    ['a query and a place', { query: 'SELECT 1', uri: 'a', sources: { a: { format: 'csv', uri: 'a' } } }, 'uri'],
  ])('cannot have %s', (_what, source, message) => {
    const { success, error } = sourceSpec.safeParse(source);
    expect(success).toBe(false);
    expect(JSON.stringify(error!.issues)).toContain(message);
  });
});

describe('the places of a source', () => {
  it.each<[SourceSpec, string[], string]>([
    [{ format: 'csv', uri: 'a.csv' }, ['a.csv'], 'a.csv'],
    [{ format: 'csv', uri: ['a.csv', 'b.csv', 'c.csv'] }, ['a.csv', 'b.csv', 'c.csv'], 'a.csv and 2 more'],
    [query, ['x/1.parquet', 'x/2.parquet', 'b.csv'], 'a query over a, b'],
  ])('of %j are told in order, and in short', (source, uris, short) => {
    expect(sourceUris(source)).toEqual(uris);
    expect(describeSource(source)).toBe(short);
  });

  it('are replaced one by one, and nothing else is', () => {
    const moved = mapSourceUris(query, (uri) => `/data/${uri}`);
    expect(sourceUris(moved)).toEqual(['/data/x/1.parquet', '/data/x/2.parquet', '/data/b.csv']);
    expect(mapSourceUris(moved, (uri) => uri.slice('/data/'.length))).toEqual(query);
    expect(mapSourceUris({ format: 'csv', uri: 'a', delimiter: ';' }, () => 'b')).toEqual({ format: 'csv', uri: 'b', delimiter: ';' });
  });

  it('are told in at most 200 characters', () => {
    const sources = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`table_${i}`, { format: 'csv' as const, uri: 'a' }]));
    expect(describeSource({ query: 'SELECT 1', sources })).toHaveLength(200);
  });
});

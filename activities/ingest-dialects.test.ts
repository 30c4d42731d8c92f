import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { SourceSpec } from '../contracts/pipeline.js';
import { withDataSession } from '../ml/data/duckdb-session.js';
import { textLiteral } from '../ml/data/sql-quoting.js';
import { failureOf, IngestFixture } from './ingest-fixture.js';

let fixture: IngestFixture;
beforeEach(() => {
  fixture = new IngestFixture();
});
afterEach(() => fixture.dispose());

type Dialect = Omit<Extract<SourceSpec, { format: 'csv' | 'tsv' }>, 'format' | 'uri'>;

async function rowsOf(content: string | Uint8Array, dialect: Dialect = {}, name = 'a.csv', format: 'csv' | 'tsv' = 'csv') {
  return fixture.snapshotRows(await fixture.ingest({ format, uri: fixture.write(name, content), ...dialect }));
}

async function refusal(content: string | Uint8Array, dialect: Dialect = {}, name = 'a.csv'): Promise<string> {
  const failure = await failureOf(fixture.ingest({ format: 'csv', uri: fixture.write(name, content), ...dialect }));
  expect(failure).toMatchObject({ type: 'SourceUnavailable', nonRetryable: true });
  expect(failure.message).not.toContain('\n');
  expect(failure.message).not.toContain(fixture.root);
  return failure.message;
}

/** A row without the last argument would be given a callback instead. */
function named<T extends unknown[]>(rows: T[], length: number): T[] {
  return rows.map((row) => (row.length < length ? [...row, 'a.csv'] : row) as T);
}

describe('delimited files', () => {
  const expected = [{ a: '1', b: 'x' }];

  it.each(
    named<[string, string | Uint8Array, Dialect, string?]>(
      [
        ['a comma', 'a,b\n1,x\n', {}],
        ['no line end at the end', 'a,b\n1,x', {}],
        ['line ends of Windows', 'a,b\r\n1,x\r\n', {}],
        ['line ends of old', 'a,b\r1,x\r', {}],
        ['a byte order mark', '\uFEFFa,b\n1,x\n', {}],
        ['a semicolon', 'a;b\n1;x\n', { delimiter: ';' }],
        ['a delimiter of two characters', 'a||b\n1||x\n', { delimiter: '||' }],
        ['other quotes', "a,b\n'1','x'\n", { quote: "'" }],
        ['quoted names', '"a","b"\n1,x\n', {}],
        ['no header and names', '1,x\n', { header: false, names: ['a', 'b'] }],
        ['comments', '# made by hand\na,b\n# one\n1,x\n', { comment: '#' }],
        ['lines to skip, with a quote in them', 'Report "2024\n\na,b\n1,x\n', { skipRows: 2 }],
        ['blank lines', '\na,b\n\n1,x\n\n', {}],
        ['gzip by its name', gzipSync('a,b\n1,x\n'), {}, 'a.csv.gz'],
        ['gzip by its bytes', gzipSync('a,b\n1,x\n'), {}],
        ['gzip and lines to skip', gzipSync('skip\na,b\n1,x\n'), { skipRows: 1 }],
        ['utf-16 with a mark', Buffer.from('\uFEFFa,b\n1,x\n', 'utf16le'), { encoding: 'utf-16' }],
        ['utf-16, big end first', Buffer.from('\uFEFFa,b\n1,x\n', 'utf16le').swap16(), { encoding: 'utf-16' }],
      ],
      4,
    ),
  )('are read with %s', async (_, content, dialect, name) => {
    expect(await rowsOf(content, dialect, name)).toEqual(expected);
  });

  it('are read compressed by Zstandard, with DuckDB and through the decoder', async () => {
    await withDataSession({ scratchRoot: fixture.scratchRoot }, (session) =>
      session.run(
        `COPY (SELECT 1 AS a, 'x' AS b) TO ${textLiteral(join(fixture.root, 'z.csv.zst'))} (FORMAT csv, HEADER, COMPRESSION zstd)`,
      ),
    );
    expect(await fixture.snapshotRows(await fixture.ingest({ format: 'csv', uri: 'z.csv.zst' }))).toEqual(expected);
    const decoded = await fixture.ingest({ format: 'csv', uri: 'z.csv.zst', encoding: 'windows-1252' });
    expect(await fixture.snapshotRows(decoded)).toEqual(expected);
  });

  it('are called tsv with a tab', async () => {
    expect(await rowsOf('a\tb\n1\tx\n', {}, 'a.tsv', 'tsv')).toEqual(expected);
  });

  it('have numbered columns where there is neither header nor names', async () => {
    expect(await rowsOf('1,x\n', { header: false })).toEqual([{ column0: '1', column1: 'x' }]);
    expect(await rowsOf('a,\n1,x\n')).toEqual([{ a: '1', column1: 'x' }]);
  });

  it('keep line ends, delimiters and quotes within quotes, with either way to escape', async () => {
    expect(await rowsOf('a,b\n"1\r\n2","say ""hi"", you"\n')).toEqual([{ a: '1\r\n2', b: 'say "hi", you' }]);
    expect(await rowsOf('a,b\n1,"say \\"hi\\""\n', { escape: '\\' })).toEqual([{ a: '1', b: 'say "hi"' }]);
    expect(await rowsOf('a,b\n"1,"x\n', { quote: '' })).toEqual([{ a: '"1', b: '"x' }]);
  });

  it('have missing values where nothing stands, or what the pipeline says', async () => {
    expect(await rowsOf('a,b\nNA,-\n,x\n', { nullText: ['NA', '-'] })).toEqual([
      { a: null, b: null },
      { a: null, b: 'x' },
    ]);
  });

  it.each([
    ['latin-1', 'latin1', 'né\u0085'],
    ['windows-1252', 'latin1', 'né'],
    ['utf-16', 'utf16le', 'né𝄞'],
  ] as const)('are read in %s', async (encoding, nodeName, text) => {
    expect(await rowsOf(Buffer.from(`a\n${text}\n`, nodeName), { encoding })).toEqual([{ a: text }]);
  });

  it('are read in an encoding of which a character takes several bytes, wherever the pieces are cut', async () => {
    const katakana = Buffer.from([0x83, 0x65]); // "テ" in Shift_JIS
    const content = Buffer.concat([Buffer.from('a\nx'), ...Array.from({ length: 200_000 }, () => katakana), Buffer.from('\n')]);
    expect(await rowsOf(content, { encoding: 'shift_jis' })).toEqual([{ a: `x${'テ'.repeat(200_000)}` }]);
  });

  it('take rows that are too short only where the pipeline says so', async () => {
    const content = 'a,b\n1,x\n2\n';
    expect(await refusal(content)).toMatch(/"a\.csv".*line 3 has 1 value where the first row has 2.*source\.ragged to "pad"/);
    expect(await rowsOf(content, { ragged: 'pad' })).toEqual([...expected, { a: '2', b: null }]);
    expect(await refusal('a,b\n1,x\n2,y,z\n', { ragged: 'pad' })).toMatch(/line 3 has 3 values/);
    expect(await refusal('skip\na,b\n1,x\n2\n', { skipRows: 1 })).toMatch(/line 4/);
  });

  it.each(
    named<[string, string | Uint8Array, Dialect, RegExp, string?]>(
      [
        ['a name that is there twice', 'a,b,A\n1,2,3\n', {}, /columns 1 and 3 both "A".*Rename/],
        ['another delimiter', 'a;b\n1;2\n', {}, /single column "a;b".*delimiter, probably to ";"/],
        ['another encoding', Buffer.from('a,b\n1,x\n2,né\n', 'latin1'), {}, /line 3 is not utf-8.*source\.encoding/],
        ['another encoding in the header', Buffer.from('né,b\n1,x\n', 'latin1'), {}, /line 1 is not utf-8/],
        ['bytes that its encoding does not have', Buffer.from([0x61, 0x0a, 0x83]), { encoding: 'shift_jis' }, /it is not shift_jis/],
        ['an encoding that nobody knows', 'a\n1\n', { encoding: 'klingon' }, /"klingon" is not known/],
        ['a quote that does not end', 'a,b\n1,"x\n', {}, /line 2 has a quote that does not end/],
        ['a quote in the header that does not end', '"a,b\n1,x\n', {}, /quote in its first row does not end/],
        ['names that do not fit', '1,2\n', { header: false, names: ['a'] }, /2 values, and source\.names has 1/],
        ['a name that lies about compression', 'a\n1\n', {}, /name says.*gzip.*not compressed/, 'a.csv.gz'],
        ['mixed line ends', 'a,b\r\n1,x\n2,y\r\n', {}, /lines end in different ways/],
        ['nothing but blank lines', '\n\n', {}, /no rows/],
        ['a damaged gzip file', gzipSync('a,b\n1,x\n').subarray(0, 15), {}, /not readable as csv/],
      ],
      5,
    ),
  )('are refused for %s', async (_, content, dialect, message, name) => {
    expect(await refusal(content, dialect, name)).toMatch(message);
  });

  it('come back as they were, whatever is in them', async () => {
    // DuckDB cannot tell "" from nothing, and Anneal counts both as missing.
    const cell = fc.string({
      unit: fc.constantFrom('a', ' ', '"', "'", ',', ';', '\n', '\r', '\r\n', '\t', '\\', 'é', '𝄞', '#', '0'),
      minLength: 1,
      maxLength: 6,
    });
    const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 });
    const dialects = fc.constantFrom<Dialect>({}, { delimiter: ';' }, { delimiter: '\t', quote: "'" }, { escape: '\\' });
    await fc.assert(
      fc.asyncProperty(table, dialects, async (rows, dialect) => {
        const path = join(fixture.root, 'random.csv');
        const values = rows.map((row) => `(${row.map(textLiteral).join(', ')})`).join(', ');
        const { delimiter = ',', quote = '"', escape = quote } = dialect;
        const options = `FORMAT csv, HEADER, DELIMITER ${textLiteral(delimiter)}, QUOTE ${textLiteral(quote)}, ESCAPE ${textLiteral(escape)}, FORCE_QUOTE *`;
        await withDataSession({ scratchRoot: fixture.scratchRoot }, (session) =>
          session.run(`COPY (SELECT * FROM (VALUES ${values}) AS t(a, "b ""c""", "d;e")) TO ${textLiteral(path)} (${options})`),
        );
        const read = await fixture.snapshotRows(await fixture.ingest({ format: 'csv', uri: 'random.csv', ...dialect }));
        expect(read).toEqual(rows.map(([a, b, c]) => ({ a, 'b "c"': b, 'd;e': c })));
      }),
      { numRuns: 15 },
    );
  });
});

describe('JSON', () => {
  it('is read compressed, and as lines only where the format is ndjson', async () => {
    fixture.write('a.ndjson.gz', gzipSync('{"a":1}\n{"a":2}\n'));
    fixture.write('list.json', '[{"a":1},{"a":2}]');
    const rows = [{ a: 1n }, { a: 2n }];
    expect(await fixture.snapshotRows(await fixture.ingest({ format: 'ndjson', uri: 'a.ndjson.gz' }))).toEqual(rows);
    expect(await fixture.snapshotRows(await fixture.ingest({ format: 'json', uri: 'list.json' }))).toEqual(rows);
    fixture.write('broken.ndjson', '{"a":1}\n{"a":\n');
    expect((await failureOf(fixture.ingest({ format: 'ndjson', uri: 'broken.ndjson' }))).message).toMatch(
      /"broken\.ndjson".*at byte 7 in line 3/,
    );
  });
});

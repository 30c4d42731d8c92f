import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  Dictionary,
  Field,
  Float64,
  Int32,
  List,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  tableFromArrays,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { failureTypes } from '../../../contracts/failures.js';
import { withDataSession } from '../duckdb-session.js';
import { textLiteral } from '../sql-quoting.js';
import { arrowToParquet } from './arrow-source.js';

const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));
const unavailable = failureTypes.sourceUnavailable;

/** The values that fixtures/make_fixtures.py wrote, as DuckDB prints them. */
const expected: Readonly<Record<string, readonly [type: string, first: string | null, last: string | null]>> = {
  int8: ['TINYINT', '-128', '127'],
  uint16: ['USMALLINT', '0', '65535'],
  int32: ['INTEGER', '-2147483648', '2147483647'],
  int64: ['BIGINT', '-9223372036854775808', '9223372036854775807'],
  uint64: ['UBIGINT', '0', '18446744073709551615'],
  half: ['FLOAT', '0.5', '-2.0'],
  float: ['FLOAT', '0.25', '-1e+30'],
  double: ['DOUBLE', '0.1', 'nan'],
  decimal: ['DECIMAL(38,2)', '-12345678901234567890.12', '0.01'],
  decimal_256: ['DECIMAL(9,1)', '-1.5', '2.5'],
  boolean: ['BOOLEAN', 'true', 'false'],
  text: ['VARCHAR', '', 'naïve 🛫'],
  large_text: ['VARCHAR', 'a', 'b'.repeat(40)],
  text_view: ['VARCHAR', 'short', 'longer than twelve bytes'],
  bytes: ['BLOB', '\\x00\\xFF', ''],
  category: ['VARCHAR', 'red', 'blue'],
  day: ['DATE', '1969-12-31', '2001-06-15'],
  day_ms: ['DATE', '1969-12-31', '2001-06-15'],
  clock: ['TIME', '23:59:59.999999', '00:00:00'],
  seconds: ['TIMESTAMP', '1969-12-31 23:59:59', '2001-06-15 17:30:00'],
  millis: ['TIMESTAMP', '1969-12-31 23:59:59.999', '2001-06-15 00:00:00'],
  micros: ['TIMESTAMP', '1969-12-31 23:59:59.999999', '2001-06-15 00:00:00'],
  nanos: ['TIMESTAMP_NS', '1969-12-31 23:59:59.999999999', '2001-06-15 17:30:00.000000001'],
  instant: ['TIMESTAMP WITH TIME ZONE', '2001-06-15 17:30:00+00', '1970-01-01 00:00:00+00'],
  nothing: ['VARCHAR', null, null],
};

describe('arrowToParquet', () => {
  let directory: string;
  let out: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'anneal-arrow-'));
    out = join(directory, 'out.parquet');
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  function query(select: string): Promise<Record<string, unknown>[]> {
    return withDataSession({ scratchRoot: directory }, (session) => session.rows(`${select} FROM read_parquet(${textLiteral(out)})`));
  }

  async function converted(name: string, content: Uint8Array): Promise<{ readonly rows: number }> {
    await writeFile(join(directory, name), content);
    return arrowToParquet(join(directory, name), out);
  }

  test.each(['types.arrow', 'types.arrows', 'types-lz4.arrow', 'types-zstd.arrow'])(
    'keeps the types, the values and the nulls of %s, which pyarrow wrote',
    async (name) => {
      expect(await arrowToParquet(join(fixtures, name), out)).toEqual({ rows: 3 });
      const columns = await query('DESCRIBE SELECT *');
      expect(Object.fromEntries(columns.map((column) => [column.column_name, column.column_type]))).toEqual(
        Object.fromEntries(Object.entries(expected).map(([column, [type]]) => [column, type])),
      );
      const printed = await query(
        `SELECT ${Object.keys(expected)
          .map((column) => `CAST("${column}" AS VARCHAR) AS "${column}"`)
          .join(', ')}`,
      );
      const column = (row: 1 | 2) => Object.fromEntries(Object.entries(expected).map(([key, values]) => [key, values[row]]));
      expect(printed).toEqual([column(1), Object.fromEntries(Object.keys(expected).map((key) => [key, null])), column(2)]);
    },
  );

  test('reads every row of many batches in its order, and gives equal bytes for the file and the stream', async () => {
    const rows = 20_000;
    const id = Int32Array.from({ length: rows }, (_, i) => i);
    const whole = tableFromArrays({ id, half: Float64Array.from(id, (i) => i / 2) });
    const batches = [0, 1, 2048, 2049, 7000, rows].flatMap((from, i, ends) =>
      i + 1 < ends.length ? whole.slice(from, ends[i + 1]).batches : [],
    );
    const file = await RecordBatchFileWriter.writeAll(batches).toUint8Array();
    const stream = await RecordBatchStreamWriter.writeAll(batches).toUint8Array();
    const digests: string[] = [];
    for (const [name, content] of [
      ['a.arrow', file],
      ['a.arrows', stream],
    ] as const) {
      expect(await converted(name, content)).toEqual({ rows });
      expect(await query('SELECT count(*) AS n, sum(id - file_row_number) AS shift, sum(half * 2 - id) AS halves')).toEqual([
        { n: BigInt(rows), shift: 0n, halves: 0 },
      ]);
      digests.push(
        createHash('sha256')
          .update(await readFile(out))
          .digest('hex'),
      );
    }
    expect(digests[1]).toBe(digests[0]);
  });

  test('gives back any numbers and texts', async () => {
    const row = fc.record({ n: fc.option(fc.double(), { nil: null }), s: fc.option(fc.string({ unit: 'grapheme' }), { nil: null }) });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
        const n = vectorFromArray(
          rows.map((value) => value.n),
          new Float64(),
        );
        const s = vectorFromArray(
          rows.map((value) => value.s),
          new Utf8(),
        );
        await converted('any.arrow', tableToIPC(new Table({ n, s }), 'file'));
        expect(await query('SELECT n, s')).toEqual(rows);
      }),
      { numRuns: 15 },
    );
  });

  test('follows a dictionary that grows from batch to batch of a stream', async () => {
    const type = new Dictionary(new Utf8(), new Int32(), 7);
    const schema = new Schema([new Field('color', type, true)]);
    const batch = (colors: string[], indices: number[]) => {
      const dictionary = vectorFromArray(colors, new Utf8());
      const child = makeData({ type, data: Int32Array.from(indices), dictionary });
      return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: indices.length, children: [child] }));
    };
    const stream = await RecordBatchStreamWriter.writeAll([
      batch(['red', 'blue'], [1, 0]),
      batch(['red', 'blue', 'green'], [2, 1]),
    ]).toUint8Array();
    expect(await converted('growing.arrows', stream)).toEqual({ rows: 4 });
    expect((await query('SELECT color')).map(({ color }) => color)).toEqual(['blue', 'red', 'green', 'blue']);
  });

  test.each([
    ['list', new List(new Field('item', new Int32(), true)), [[1, 2], null]],
    ['struct', new Struct([new Field('x', new Int32(), true)]), [{ x: 1 }, null]],
  ])('names the column and the type of a %s, which no plain column can hold', async (_kind, type, values) => {
    const table = new Table({ ok: vectorFromArray([1, 2], new Int32()), 'my "nested"': vectorFromArray(values, type) });
    await expect(converted('nested.arrow', tableToIPC(table, 'file'))).rejects.toMatchObject({
      type: unavailable,
      message: expect.stringMatching(/the column "my \\"nested\\"" has the Arrow type (List|Struct)/) as unknown,
    });
  });

  test('refuses two columns that differ in capital letters alone', async () => {
    const twice = tableFromArrays({ Id: Int32Array.of(1), id: Int32Array.of(2) });
    await expect(converted('twice.arrow', tableToIPC(twice, 'file'))).rejects.toMatchObject({
      type: unavailable,
      message: expect.stringContaining('"id"') as unknown,
    });
  });

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['a CSV file', Buffer.from('id,name\n1,a\n2,b\n')],
    ['random bytes', createHash('sha512').update('x').digest()],
    ['the magic alone', Buffer.from('ARROW1\0\0')],
  ])('says that %s is no Arrow', async (_what, content) => {
    await expect(converted('broken.arrow', content)).rejects.toMatchObject({
      type: unavailable,
      message: expect.stringContaining('not readable as arrow') as unknown,
    });
  });

  test.each(['types.arrow', 'types.arrows', 'types-zstd.arrow'])(
    'refuses %s when its end is missing, wherever it is cut within a message',
    async (name) => {
      const content = await readFile(join(fixtures, name));
      const path = join(directory, name);
      for (const share of [0.2, 0.5, 0.8]) {
        await writeFile(path, content);
        await truncate(path, Math.floor(content.length * share) | 1);
        await expect(arrowToParquet(path, out)).rejects.toMatchObject({ type: unavailable });
      }
    },
  );

  test('refuses a text that is not UTF-8 instead of changing it', async () => {
    const content = tableToIPC(new Table({ s: vectorFromArray(['abcdefgh'], new Utf8()) }), 'file');
    const at = Buffer.from(content).indexOf('abcdefgh');
    content[at] = 0xff;
    await expect(converted('latin.arrow', content)).rejects.toMatchObject({
      message: expect.stringMatching(/column "s".*UTF-8/) as unknown,
    });
  });

  test('ends with the reason of an abort, and leaves no folder behind', async () => {
    const path = join(directory, 'large.arrow');
    await writeFile(path, tableToIPC(tableFromArrays({ id: new Float64Array(3_000_000) }), 'file'));
    const stop = new AbortController();
    const work = arrowToParquet(path, out, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 30);
    await expect(work).rejects.toThrow('enough');
    expect((await readdir(directory)).filter((name) => name !== 'large.arrow' && name !== 'out.parquet')).toEqual([]);
  });
});

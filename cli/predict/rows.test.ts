import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { withDataSession } from '../../ml/data/duckdb-session.js';
import { exitCodes } from '../command-error.js';
import { inChunks, inOrder } from './in-chunks.js';
import type { Instance } from './instances.js';
import { pipedRows, type RowSourceOptions, rowsOfFile } from './row-source.js';

let folder: string;
let options: RowSourceOptions;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-rows-'));
  options = { scratchRoot: join(folder, 'scratch'), textColumns: async () => new Set(['code']) };
});
afterAll(() => rmSync(folder, { recursive: true }));

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const csv = 'code,n,x,flag,date\n01234,7,,true,2001-06-15 17:30:00\n"a,b",-1,2.5e3,false,2001-06-15T17:30:00Z\n';
const rowsOfCsv = [
  { code: '01234', n: 7, x: null, flag: true, date: '2001-06-15 17:30:00' },
  { code: 'a,b', n: -1, x: 2500, flag: false, date: '2001-06-15T17:30:00Z' },
];

describe('rows of a file', () => {
  test('have numbers where the text of CSV is one, and text where the model reads text', async () => {
    expect(await all(rowsOfFile(written('rows.csv', csv), options).rows)).toEqual(rowsOfCsv);
    expect(await all(rowsOfFile(written('rows.csv.gz', gzipSync(csv)), options).rows)).toEqual(rowsOfCsv);
  });

  test('have the values of Parquet as a host takes them', async () => {
    const path = join(folder, 'rows.parquet');
    await withDataSession({ scratchRoot: options.scratchRoot }, (session) =>
      session.run(
        `COPY (SELECT '01234' AS code, CAST(7 AS BIGINT) AS n, CAST('nan' AS DOUBLE) AS x, TIMESTAMPTZ '2001-06-15 19:30:00+02' AS date, 'ab'::BLOB AS image, CAST(1.5 AS DECIMAL(4,1)) AS d, [1, 2] AS list) TO '${path}' (FORMAT parquet)`,
      ),
    );
    expect(await all(rowsOfFile(path, options).rows)).toEqual([
      { code: '01234', n: 7, x: null, date: '2001-06-15 17:30:00', image: 'YWI=', d: 1.5, list: [1, 2] },
    ]);
  });

  test('come in their order, however many there are, and leave nothing behind when nobody wants more', async () => {
    const path = written('many.csv', `n\n${Array.from({ length: 30_000 }, (_, i) => `${i}\n`).join('')}`);
    expect((await all(rowsOfFile(path, options).rows)).map((row) => row.n)).toEqual(Array.from({ length: 30_000 }, (_, i) => i));
    for await (const row of rowsOfFile(path, options).rows) if (row.n === 2500) break;
    expect(readdirSync(options.scratchRoot)).toEqual([]);
  });

  test.each([
    ['broken.jsonl', '{"a":1}\n\n{"a":\n', exitCodes.usage, /Line 3 of .*broken\.jsonl is not valid JSON/],
    ['list.jsonl', '[1]\n', exitCodes.usage, /Line 1 of .*list\.jsonl is JSON, and no object/],
    ['broken.parquet', 'nothing of the kind', undefined, /broken\.parquet.*not readable as parquet.* is set in a pipeline; here it is not/],
  ])('name where %s is broken', async (name, content, exitCode, message) => {
    const failing = all(rowsOfFile(written(name, content), options).rows);
    await expect(failing).rejects.toMatchObject({ message: expect.stringMatching(message), ...(exitCode ? { exitCode } : {}) });
  });

  test.each(['nowhere.jsonl', 'nowhere.csv', 'nowhere.parquet', 'nowhere', 'no/where.csv'])('say that there is no %s', (name) => {
    const path = join(folder, name);
    expect(() => rowsOfFile(path, options)).toThrow(
      expect.objectContaining({ exitCode: exitCodes.usage, message: expect.stringContaining(`There is no file ${path}. `) }),
    );
  });

  test('say that a folder is none', () => {
    for (const format of [undefined, 'csv'])
      expect(() => rowsOfFile(folder, { ...options, ...(format ? { format } : {}) })).toThrow(
        expect.objectContaining({ exitCode: exitCodes.usage, message: expect.stringContaining(`${folder} is a folder. `) }),
      );
  });
});

describe('rows of a pipe', () => {
  const piped = async (content: string | Uint8Array): Promise<Instance[]> => {
    const bytes = Buffer.from(content);
    // In pieces that end wherever they end.
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(7 * i, 7 * i + 7));
    return all((await pipedRows(Readable.from(pieces), options)).rows);
  };

  test.each([
    ['JSON lines', '{"a":1}\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
    ['one line without an end', '{"a":1}', [{ a: 1 }]],
    ['an array', '[{"a":1},\n{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ['an object over several lines', '{\n"a": 1\n}\n', [{ a: 1 }]],
    ['a whole request', '{"instances":[{"a":1}]}\n', [{ a: 1 }]],
    ['CSV', csv, rowsOfCsv],
  ])('are told to be %s', async (_, content, rows) => {
    expect(await piped(content)).toEqual(rows);
  });

  test('of Parquet are read, too', async () => {
    const path = join(folder, 'piped.parquet');
    await withDataSession({ scratchRoot: options.scratchRoot }, (session) =>
      session.run(`COPY (SELECT 1 AS a) TO '${path}' (FORMAT parquet)`),
    );
    expect(await piped(readFileSync(path))).toEqual([{ a: 1 }]);
  });

  test('come before the pipe has ended', async () => {
    const endless = new Readable({ read: () => undefined });
    endless.push('{"a":1}\n{"a":2}\n');
    const { rows } = await pipedRows(endless, options);
    const { value } = await rows[Symbol.asyncIterator]().next();
    expect(value).toEqual({ a: 1 });
    endless.destroy();
  });

  test('are wrong usage when there is none', async () => {
    await expect(piped(' \n')).rejects.toMatchObject({ exitCode: exitCodes.usage, message: expect.stringContaining('--file') });
  });
});

describe('rows in requests', () => {
  test('are as many as a request takes, by number and by bytes', async () => {
    const rows = (count: number, text = ''): AsyncIterable<Instance> =>
      Readable.from(Array.from({ length: count }, (_, n) => ({ n, text })));
    const sizes = async (chunks: AsyncIterable<{ first: number; rows: readonly Instance[] }>) =>
      (await all(chunks)).map(({ first, rows: held }) => [first, held.length]);
    expect(await sizes(inChunks(rows(7), 3))).toEqual([
      [1, 3],
      [4, 3],
      [7, 1],
    ]);
    expect(await sizes(inChunks(rows(3, 'x'.repeat(60)), 100, 160))).toEqual([
      [1, 2],
      [3, 1],
    ]);
    expect(await sizes(inChunks(rows(0)))).toEqual([]);
  });

  test('are answered in their order, some at a time', async () => {
    let running = 0;
    let most = 0;
    const answers = inOrder(Readable.from([30, 1, 20, 1, 1]), async (delayMs: number) => {
      most = Math.max(most, ++running);
      await sleep(delayMs);
      running--;
      return delayMs;
    });
    expect(await all(answers)).toEqual([30, 1, 20, 1, 1]);
    expect(most).toBe(3);
  });
});

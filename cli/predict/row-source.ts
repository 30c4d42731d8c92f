import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { formatOfContent } from '../../ml/data/init/source-format.js';
import { batchSource } from '../batch-source.js';
import { CommandError, usageError } from '../command-error.js';
import { type Instance, parseInstances } from './instances.js';
import { jsonLines } from './json-lines.js';

/** Where the rows of a prediction come from. */
export interface RowSource {
  /** For messages. */
  readonly name: string;
  readonly rows: AsyncIterable<Instance>;
}

export interface RowSourceOptions {
  readonly format?: string;
  /** Asked for only where text has to become numbers. */
  readonly textColumns: () => Promise<ReadonlySet<string>>;
  readonly scratchRoot: string;
}

/** The rows of a file, by its name or by `format`. @throws CommandError (usage) */
export function rowsOfFile(path: string, options: RowSourceOptions): RowSource {
  assertFile(path);
  const source = batchSource([path], options.format);
  const isPlainLines = source.format === 'ndjson' && !/\.(gz|zstd?)$/i.test(path);
  return { name: path, rows: isPlainLines ? jsonLines(opened(path), path) : tableRows(path, source, options) };
}

/** Whether a file is there is known before its format, and before a host is asked. */
function assertFile(path: string): void {
  // DuckDB takes a pattern for the Parquet files that match it.
  if (/[*?[]/.test(path)) return;
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw usageError(
        `There is no file ${path}. Correct the path of --file; a relative one starts at the folder where the command is called.`,
      );
    throw usageError(`The file ${path} cannot be read (${code}). Check its name and its permissions.`);
  }
  if (isFolder) throw usageError(`${path} is a folder. Give one file by --file; "anneal batch" reads folders.`);
}

function opened(path: string): Readable {
  const stream = createReadStream(path);
  const failed = new Readable({ read: () => undefined });
  stream.on('error', (error: NodeJS.ErrnoException) =>
    failed.destroy(new CommandError(`The file ${path} cannot be read (${error.code}). Check its name and its permissions.`)),
  );
  stream.on('data', (piece) => failed.push(piece));
  stream.on('end', () => failed.push(null));
  return failed;
}

async function* tableRows(
  path: string,
  source: ReturnType<typeof batchSource>,
  { textColumns, scratchRoot }: RowSourceOptions,
): AsyncGenerator<Instance> {
  const { fileRows } = await import('./file-rows.js');
  yield* fileRows(path, source, source.format === 'csv' || source.format === 'tsv' ? await textColumns() : new Set(), scratchRoot);
}

/**
 * The rows that come through a pipe: JSON lines as they come; JSON as `parseInstances` takes it, CSV and Parquet once they are here.
 *
 * @throws CommandError (usage) when there is nothing
 */
export async function pipedRows(input: Readable, options: RowSourceOptions): Promise<RowSource> {
  const name = 'standard input';
  const pieces = (input as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const start: Buffer[] = [];
  let head = '';
  // So much as tells whether the first line is a row of its own.
  let isWhole = false;
  while (!isWhole && !/^\s*[^\s].*\n/.test(head)) {
    const { value, done } = await pieces.next();
    if (done === true) isWhole = true;
    else {
      start.push(Buffer.from(value));
      head = Buffer.concat(start).toString('utf8');
    }
  }
  if (head.trim() === '') throw usageError('Nothing came through standard input. Pipe rows into the command, or give them by --file.');
  const all = Readable.from(joined(start, pieces));
  const format = options.format ?? formatOfContent(Buffer.concat(start));
  if (format === 'jsonl' || (format === 'json' && isLine(head))) return { name, rows: jsonLines(all, name) };
  if (format === 'json') return { name, rows: Readable.from(parseInstances(await textOf(all))) };
  return { name, rows: spooled(all, format, options) };
}

async function* joined(start: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* start;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Whether the first line is a row as a whole; `{"instances": …}` is a request. */
function isLine(head: string): boolean {
  try {
    const value = JSON.parse(head.trim().split('\n', 1)[0]) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) && !('instances' in value);
  } catch {
    return false;
  }
}

async function textOf(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

/** A table is read from a file; the file goes with the last row. */
async function* spooled(stream: Readable, format: string, options: RowSourceOptions): AsyncGenerator<Instance> {
  const directory = await mkdtemp(join(tmpdir(), 'anneal-predict-'));
  try {
    const path = join(directory, 'standard-input');
    await pipeline(stream, createWriteStream(path));
    yield* tableRows(path, batchSource([path], format), options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

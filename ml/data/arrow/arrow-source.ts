import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DuckDBDataChunk, type DuckDBAppender } from '@duckdb/node-api';
import { type Field, type RecordBatch, RecordBatchReader, type Schema } from 'apache-arrow';
import { AnnealError } from '../../../contracts/failures.js';
import { type DataSession, type DataSessionOptions, isResourceFailure, withDataSession } from '../duckdb-session.js';
import { firstLine } from '../../first-line.js';
import { unavailable } from '../ingest/source-file.js';
import { identifier, textLiteral } from '../sql-quoting.js';
import { registerBufferCompression } from './buffer-compression.js';
import { assertComplete } from './completeness.js';
import { columnReader, type ColumnReader, valuesOf } from './column-reader.js';

/** What one vector of DuckDB holds. */
const chunkRows = 2048;
/** Between two turns of the event loop: some tens of milliseconds. */
const chunksPerTurn = 8;
const staging = 'staged';

export interface ArrowOptions extends Pick<DataSessionOptions, 'signal' | 'memoryLimitBytes'> {
  /** How messages call the source; default: its path. */
  readonly uri?: string;
}

interface Column {
  readonly name: string;
  readonly reader: ColumnReader;
}

/**
 * Write the rows of an Arrow IPC file (`.arrow`, Feather 2) or stream (`.arrows`) as Parquet (zstd), in their order.
 *
 * Types stay: integers, floats (half becomes float), decimals up to 38 digits, booleans, text, bytes, dates, times,
 * timestamps (seconds and milliseconds become microseconds, nanoseconds stay; with a zone: the instant in microseconds);
 * a dictionary becomes its values. Buffers may be compressed (LZ4, Zstandard). One record batch is in memory at a time, and
 * what DuckDB keeps until the end overflows to a folder beside `outPath`. Safe to repeat: equal files give equal files.
 *
 * @param outPath absolute; replaced when it is there, and of no use when the call has failed
 * @throws AnnealError `SourceUnavailable` when the file is not Arrow, is damaged, or has a column of another type, which is named;
 *   the signal's reason when aborted
 */
export async function arrowToParquet(
  path: string,
  outPath: string,
  { signal, uri = path, memoryLimitBytes }: ArrowOptions = {},
): Promise<{ readonly rows: number }> {
  registerBufferCompression();
  return withDataSession({ scratchRoot: dirname(outPath), signal, memoryLimitBytes }, async (session) => {
    try {
      const { columns, rows } = await stageRows(session, path, uri, signal);
      const selected = columns.map(({ name }, i) => `${stagedColumn(i)} AS ${identifier(name)}`).join(', ');
      await session.run(`COPY (SELECT ${selected} FROM ${staging}) TO ${textLiteral(outPath)} (FORMAT parquet, COMPRESSION zstd)`);
      return { rows };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof AnnealError || isResourceFailure(error)) throw error;
      throw unavailable(
        uri,
        `it is not readable as arrow (${firstLine(error)})`,
        'The file may be cut short, damaged, or of another format: write it again (Arrow IPC file or stream), or correct source.format.',
        error,
      );
    }
  });
}

async function stageRows(
  session: DataSession,
  path: string,
  uri: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly columns: readonly Column[]; readonly rows: number }> {
  const file = await open(path);
  try {
    await assertComplete(file);
    const reader = await (await RecordBatchReader.from(file)).open({ autoDestroy: false });
    // A text or an empty file ends before its schema.
    const schema = reader.schema as Schema | undefined;
    if (!schema) throw new Error('there is no Arrow schema in it');
    const columns = columnsOf(schema.fields, uri);
    const definitions = columns.map((column, i) => `${stagedColumn(i)} ${column.reader.type.toString()}`);
    await session.run(`CREATE TABLE ${staging} (${definitions.join(', ')})`);
    let rows = 0;
    await session.append(staging, async (appender) => {
      for await (const batch of reader) {
        await appendBatch(appender, batch, columns, signal);
        rows += batch.numRows;
      }
    });
    return { columns, rows };
  } finally {
    await file.close();
  }
}

/** Names come from outside and may repeat, so the staged columns are numbered. */
function stagedColumn(index: number): string {
  return `c${index}`;
}

function columnsOf(fields: readonly Field[], uri: string): Column[] {
  if (fields.length === 0) throw unavailable(uri, 'it has no columns', 'Write a table with columns.');
  const seen = new Set<string>();
  return fields.map(({ name, type }) => {
    const folded = name.toLowerCase();
    if (name === '' || seen.has(folded))
      throw unavailable(
        uri,
        `${name === '' ? 'a column has no name' : `the column ${JSON.stringify(name)} is there more than once (capital and small letters count as the same)`}`,
        'Give every column a name of its own when the file is written.',
      );
    seen.add(folded);
    const reader = columnReader(type);
    if (reader) return { name, reader };
    throw unavailable(
      uri,
      `the column ${JSON.stringify(name)} has the Arrow type ${String(type)}, which a table of plain columns cannot hold`,
      'Leave the column out, or turn it into numbers, text, dates or timestamps (one column for each part of a nested value) when the file is written.',
    );
  });
}

async function appendBatch(
  appender: DuckDBAppender,
  batch: RecordBatch,
  columns: readonly Column[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const types = columns.map(({ reader }) => reader.type);
  const readers = columns.map(({ reader, name }, i) => naming(name, () => reader.open(batch.data.children[i])));
  for (let from = 0, chunks = 1; from < batch.numRows; from += chunkRows, chunks++) {
    const until = Math.min(from + chunkRows, batch.numRows);
    const chunk = DuckDBDataChunk.create(types, until - from);
    columns.forEach(({ name, reader }, i) =>
      naming(name, () => chunk.setColumnValues(i, valuesOf(reader, batch.data.children[i], from, until, readers[i]))),
    );
    appender.appendDataChunk(chunk);
    if (chunks % chunksPerTurn === 0) await nextTurn();
    signal?.throwIfAborted();
  }
}

function naming<T>(column: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`column ${JSON.stringify(column)}: ${firstLine(cause)}`, { cause });
  }
}

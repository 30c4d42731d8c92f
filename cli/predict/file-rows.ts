import { basename, resolve } from 'node:path';
import type { SnapshotColumn } from '../../contracts/dataset.js';
import { AnnealError } from '../../contracts/failures.js';
import type { FileSource } from '../../contracts/pipeline/source.js';
import { withDataSession } from '../../ml/data/duckdb-session.js';
import { fileRelation, unreadable } from '../../ml/data/ingest/file-relation.js';
import { describe } from '../../ml/data/ingest/ingest-files.js';
import { identifier } from '../../ml/data/sql-quoting.js';
import type { Instance } from './instances.js';

/**
 * The rows of a table file (CSV, TSV, Parquet, Arrow, JSON) as a host takes them: times as ISO 8601 in UTC, bytes as base64,
 * numbers that are not finite as null. Text of CSV becomes numbers in the columns that the model reads as numbers.
 *
 * @param textColumns columns that the model reads as text: "01234" stays what it is
 * @throws AnnealError `SourceUnavailable` when the file is not what its format says, with what can be done without a pipeline
 */
export async function* fileRows(
  path: string,
  source: FileSource,
  textColumns: ReadonlySet<string>,
  scratchRoot: string,
): AsyncGenerator<Instance> {
  const file = { uri: basename(path), path: resolve(path) };
  const rows: Instance[][] = [];
  let wake = (): void => undefined;
  let taken = (): void => undefined;
  let failure: unknown;
  let isDone = false;
  let isLeft = false;
  const isText = source.format === 'csv' || source.format === 'tsv';
  // The session lives as long as its callback; the rows leave it in pieces.
  const reading = withDataSession({ scratchRoot }, async (session) => {
    try {
      const { sql, verify } = await fileRelation(session, source, file, 'rows', {});
      const columns = await describe(session, sql);
      const verified = verify?.();
      verified?.catch(() => undefined);
      for await (const chunk of session.chunks(`SELECT ${columns.map(sendable).join(', ')} FROM ${sql}`)) {
        const names = columns.map(({ name }) => name);
        const piece = chunk.getRows().map((values) => Object.fromEntries(names.map((name, i) => [name, toJson(values[i])])));
        rows.push(isText ? piece.map((row) => withNumbers(row, textColumns)) : piece);
        wake();
        await new Promise<void>((next) => (taken = next));
        if (isLeft) return;
      }
      await verified;
    } catch (error) {
      failure = forCallers(error instanceof AnnealError ? error : unreadable(source, file, error));
    }
  }).finally(() => {
    isDone = true;
    wake();
  });
  try {
    for (;;) {
      if (rows.length === 0 && !isDone) await new Promise<void>((resolve) => (wake = resolve));
      const piece = rows.shift();
      if (piece) {
        yield* piece;
        taken();
      } else if (isDone) break;
    }
    if (failure !== undefined) throw failure;
  } finally {
    isLeft = true;
    taken();
    await reading;
  }
}

/** Who asks for predictions has no pipeline whose source could be set. */
function forCallers(error: Error): Error {
  if (!(error instanceof AnnealError) || !/\bsource\.\w+/.test(error.message)) return error;
  const message = `${error.message} What begins with "source." is set in a pipeline; here it is not: write the file anew in the usual form of its format (of CSV: UTF-8, commas, double quotes), or name it by --input-format.`;
  return new AnnealError(error.type, message, error.details, { cause: error });
}

/** SQL of a column in a type whose values JSON can carry. */
function sendable({ name, type }: SnapshotColumn): string {
  const column = identifier(name);
  if (/^(FLOAT|DOUBLE)$/.test(type)) return `CASE WHEN isfinite(${column}) THEN CAST(${column} AS DOUBLE) END`;
  if (/^(DECIMAL.*|U?HUGEINT)$/.test(type)) return `CAST(${column} AS DOUBLE)`;
  if (type === 'TIMESTAMP WITH TIME ZONE') return `CAST(${column} AT TIME ZONE 'UTC' AS VARCHAR)`;
  if (type === 'BLOB') return `base64(${column})`;
  if (/^(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT))$/.test(type)) return column;
  // Lists of numbers are images; what else there is goes as text.
  return type.endsWith(']') ? `CAST(to_json(${column}) AS VARCHAR)` : `CAST(${column} AS VARCHAR)`;
}

function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' && value.startsWith('[')) {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return value;
    }
  }
  return value;
}

function withNumbers(row: Instance, textColumns: ReadonlySet<string>): Instance {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (typeof value !== 'string' || textColumns.has(name)) return [name, value];
      const text = value.trim();
      if (/^(|na|n\/a|nan|nat|null|none)$/i.test(text)) return [name, null];
      if (/^(true|false)$/i.test(text)) return [name, /^t/i.test(text)];
      return [name, /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text];
    }),
  );
}

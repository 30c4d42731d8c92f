import { join } from 'node:path';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import type { ColumnReading } from './column-reading.js';
import type { DataSession } from '../duckdb-session.js';
import { parquetOptions } from '../parquet-options.js';
import type { RowRule } from '../validate/row-rules.js';
import { identifier, pathLiteral, textLiteral } from '../sql-quoting.js';

/** What the typed rows are made of. */
export interface TypedRowsSource {
  /** View of the snapshot with the number of the row. */
  readonly sourceView: string;
  readonly rowNumber: string;
  readonly columns: readonly { readonly name: string; readonly reading: ColumnReading }[];
  /** Columns that are taken as they are. */
  readonly extra: readonly string[];
  readonly rules: readonly RowRule[];
  /** Name of the column with the index of the first quarantine rule that a row breaks. */
  readonly brokenRule: string;
  /** Whether a column is so dear to read that it is read once. */
  readonly isDear: boolean;
}

/**
 * Columns that are read by one query. Every expression of a query keeps vectors of its own on every thread, about a
 * megabyte for a column of text that is to be a number.
 */
export const columnsAtOnce = 25;

/**
 * The declared columns in their types, the row number, and the first rule that a row breaks, as a query.
 *
 * Few columns are read whenever the query runs. Many are read once, some at a time, and lie in the session's scratch
 * directory from then on: memory does not grow with their number.
 */
export async function typedRows(session: DataSession, source: TypedRowsSource, spec: PipelineSpec): Promise<string> {
  const { sourceView, rowNumber, columns, extra, brokenRule } = source;
  if (columns.length <= 2 * columnsAtOnce) {
    const selected = [rowNumber, `${firstBroken(source, columns)} AS ${brokenRule}`, ...columns.map(typed), ...extra.map(identifier)];
    const query = `SELECT ${selected.join(', ')} FROM ${sourceView}`;
    return source.isDear ? keep(session, 'typed', query, spec) : query;
  }
  const kept: string[] = [];
  const broken: string[] = [];
  for (let from = 0; from < columns.length; from += columnsAtOnce) {
    const batch = columns.slice(from, from + columnsAtOnce);
    const rule = `${brokenRule}_${kept.length}`;
    const selected = [`${firstBroken(source, batch)} AS ${rule}`, ...batch.map(typed)].join(', ');
    kept.push(await keep(session, `typed-${kept.length}`, `SELECT ${selected} FROM ${sourceView}`, spec));
    broken.push(rule);
  }
  const others = `SELECT ${[rowNumber, ...extra.map(identifier)].join(', ')} FROM ${sourceView}`;
  const names = [...columns.map(({ name }) => name), ...extra].map(identifier);
  // The parts have the rows in one order, that of the snapshot.
  const joined = [others, ...kept].map((query) => `(${query})`).join(' POSITIONAL JOIN ');
  return keep(
    session,
    'typed',
    `SELECT ${[rowNumber, `coalesce(${broken.join(', ')}) AS ${brokenRule}`, ...names].join(', ')} FROM ${joined}`,
    spec,
  );
}

function firstBroken({ rules }: TypedRowsSource, columns: TypedRowsSource['columns']): string {
  const names = new Set(columns.map(({ name }) => name));
  const cases = rules.flatMap(({ column, isBroken, onViolation }, i) =>
    onViolation === 'quarantine' && names.has(column) ? [`WHEN ${isBroken} THEN ${i}`] : [],
  );
  return cases.length > 0 ? `CASE ${cases.join(' ')} END` : 'CAST(NULL AS INTEGER)';
}

function typed({ name, reading }: TypedRowsSource['columns'][number]): string {
  return `${reading.typed} AS ${identifier(name)}`;
}

async function keep(session: DataSession, name: string, query: string, spec: PipelineSpec): Promise<string> {
  const path = join(session.scratch, `${name}.parquet`);
  await session.run(`COPY (${query}) TO ${textLiteral(path)} (${parquetOptions(spec)})`);
  return `SELECT * FROM read_parquet(${pathLiteral(path)}, hive_partitioning = false)`;
}

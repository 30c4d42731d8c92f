import { join } from 'node:path';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { parquetOptions } from '../parquet-options.js';
import { internalPrefix } from '../validate/schema-check.js';
import { splitRelation } from './split-sql.js';
import { pathLiteral, textLiteral } from '../sql-quoting.js';

/** Part of the split that a row belongs to: position in `splitNames`, NULL for none. */
export const partColumn = `${internalPrefix}part`;
/** Number of the row among the clean rows, from 1. */
export const rowNumberColumn = `${internalPrefix}row`;
const relation = `${internalPrefix}parts`;

/**
 * The clean rows with their number and their part, cheap to read a column at a time.
 *
 * @param cleanPath Parquet file of the clean rows
 * @returns name of a view of the clean columns, `rowNumberColumn` and `partColumn`, which lives as long as the session
 * @throws AnnealError as `splitRelation`
 */
export async function partRelation(session: DataSession, cleanPath: string, spec: PipelineSpec): Promise<string> {
  const query = await splitRelation(session, numberedRows(cleanPath, spec), spec, partColumn);
  if (spec.split.kind === 'time' || spec.split.kind === 'column') {
    await session.run(`CREATE VIEW ${relation} AS ${query}`);
    return relation;
  }
  // A digest of every row is too dear to be computed in each of the queries that follow.
  const path = join(session.scratch, 'parts.parquet');
  await session.run(`COPY (${query}) TO ${textLiteral(path)} (${parquetOptions(spec)})`);
  await session.run(`CREATE VIEW ${relation} AS SELECT * FROM read_parquet(${pathLiteral(path)}, hive_partitioning = false)`);
  return relation;
}

/** The same view of rows that cannot be divided: they belong to no part. */
export async function undividedRelation(session: DataSession, cleanPath: string, spec: PipelineSpec): Promise<string> {
  await session.run(`CREATE VIEW ${relation} AS SELECT *, CAST(NULL AS INTEGER) AS ${partColumn} FROM ${numberedRows(cleanPath, spec)}`);
  return relation;
}

function numberedRows(cleanPath: string, spec: PipelineSpec): string {
  // DuckDB refuses to number the rows of a file that has a column of that name itself.
  const hasNumber = Object.keys(spec.columns).some((name) => name.toLowerCase() === 'file_row_number');
  const file = `read_parquet(${pathLiteral(cleanPath)}, hive_partitioning = false${hasNumber ? '' : ', file_row_number = true'})`;
  return hasNumber
    ? `(SELECT *, row_number() OVER () AS ${rowNumberColumn} FROM ${file})`
    : `(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS ${rowNumberColumn} FROM ${file})`;
}

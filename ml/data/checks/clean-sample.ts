import type { PipelineSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { internalPrefix } from '../schema-check.js';
import { splitSql } from '../split-sql.js';
import { identifier } from '../sql-quoting.js';

/** Enough for distances of 0.01 and for areas under the curve of three digits. */
export const sampleRows = 200_000;
const sampleTable = `${internalPrefix}sample`;
const rowNumber = `${internalPrefix}row`;
const partColumn = `${internalPrefix}part`;

/**
 * Draw about `sampleRows` of the clean rows into a table, with the part of the split that each belongs to.
 *
 * By a hash of the row's number, not by every k-th row, which could fall in step with the data's own rhythm. Equal files
 * give equal samples.
 *
 * @param cleanFile SQL of the file's path
 */
export async function sampleClean(
  session: DataSession,
  cleanFile: string,
  rows: number,
  spec: PipelineSpec,
): Promise<{ readonly sample: string; readonly partColumn: string; readonly sampledRows: number }> {
  // DuckDB refuses to number the rows of a file that has a column of that name itself.
  const hasNumber = Object.keys(spec.columns).some((name) => name.toLowerCase() === 'file_row_number');
  const number = hasNumber ? rowNumber : 'file_row_number';
  const clean = hasNumber
    ? `(SELECT *, row_number() OVER () AS ${rowNumber} FROM read_parquet(${cleanFile}, hive_partitioning = false))`
    : `read_parquet(${cleanFile}, hive_partitioning = false, file_row_number = true)`;
  const isDrawn = rows <= sampleRows ? 'true' : `(${number} * 2654435761) % 4294967296 < ${Math.round((sampleRows / rows) * 2 ** 32)}`;
  const drawn = (relation: string) => `SELECT * EXCLUDE (${number}) FROM ${relation} WHERE ${isDrawn}`;
  // Images are many times the size of all else, and nothing of the sample looks into them.
  const images = Object.entries(spec.columns).flatMap(([name, { type }]) => (type === 'image' ? [identifier(name)] : []));
  const kept = images.length > 0 ? `* EXCLUDE (${images.join(', ')})` : '*';
  const withPart = (relation: string) => `SELECT ${kept}, ${splitSql(spec)} AS ${partColumn} FROM ${relation}`;
  // Exact shares by class are ranks among all rows; every other split looks at one row.
  const isRanked = spec.split.kind === 'random' && spec.split.stratify;
  const query = isRanked ? drawn(`(${withPart(clean)})`) : withPart(`(${drawn(clean)})`);
  await session.run(`CREATE TEMP TABLE ${sampleTable} AS ${query}`);
  const [{ drawnRows }] = await session.rows(`SELECT count(*) AS "drawnRows" FROM ${sampleTable}`);
  return { sample: sampleTable, partColumn, sampledRows: Number(drawnRows) };
}

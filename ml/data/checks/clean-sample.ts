import type { PipelineSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { rowNumberColumn } from '../split/part-relation.js';
import { internalPrefix } from '../validate/schema-check.js';
import { identifier } from '../sql-quoting.js';

/** Enough for distances of 0.01 and for areas under the curve of three digits. */
export const sampleRows = 200_000;
const sampleTable = `${internalPrefix}sample`;

/**
 * Draw about `sampleRows` of the clean rows into a table, with the part of the split that each belongs to.
 *
 * By a hash of the row's number, not by every k-th row, which could fall in step with the data's own rhythm. Equal files
 * give equal samples.
 *
 * @param relation name of the view of `partRelation`
 */
export async function sampleClean(
  session: DataSession,
  relation: string,
  rows: number,
  spec: PipelineSpec,
): Promise<{ readonly sample: string; readonly sampledRows: number }> {
  const isDrawn =
    rows <= sampleRows ? 'true' : `(${rowNumberColumn} * 2654435761) % 4294967296 < ${Math.round((sampleRows / rows) * 2 ** 32)}`;
  // Images are many times the size of all else, and nothing of the sample looks into them.
  const images = Object.entries(spec.columns).flatMap(([name, { type }]) => (type === 'image' ? [identifier(name)] : []));
  await session.run(
    `CREATE TEMP TABLE ${sampleTable} AS SELECT * EXCLUDE (${[rowNumberColumn, ...images].join(', ')}) FROM ${relation} WHERE ${isDrawn}`,
  );
  const [{ drawnRows }] = await session.rows(`SELECT count(*) AS "drawnRows" FROM ${sampleTable}`);
  return { sample: sampleTable, sampledRows: Number(drawnRows) };
}

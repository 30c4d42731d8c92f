import type { PipelineSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { rawInputsOf } from '../prepare/fit-transform.js';
import { imageInputOf } from '../read/image-input.js';
import { rowNumberColumn } from './part-relation.js';
import { internalPrefix } from '../validate/schema-check.js';
import { sliceColumns } from './slice-columns.js';
import type { PartName, SplitParts } from './split-parts.js';
import { splitNames } from './split-sql.js';
import { identifier } from '../sql-quoting.js';
import { encodedTarget } from '../target-column.js';
import { rawColumn } from '../transform/raw-column.js';

/** A view for each part: raw inputs under their names, slices under theirs, the target as a number, and the row number. */
export async function createViews(session: DataSession, parts: SplitParts, spec: PipelineSpec): Promise<Record<PartName, string>> {
  const image = imageInputOf(spec);
  const columns = [
    rowNumberColumn,
    `${parts.target} AS ${encodedTarget}`,
    ...(image ? [identifier(image.name)] : []),
    ...rawInputsOf(spec).map((input) => `${rawColumn(input, identifier(input.name))} AS ${identifier(input.name)}`),
    ...sliceColumns(spec).map(({ name, sql }) => `${sql} AS ${identifier(name)}`),
  ].join(', ');
  const views = { train: `${internalPrefix}train`, validation: `${internalPrefix}validation`, test: `${internalPrefix}test` };
  for (const [i, part] of splitNames.entries()) {
    await session.run(
      `CREATE OR REPLACE VIEW ${views[part]} AS SELECT * FROM (SELECT ${columns} FROM ${parts.relation} WHERE ${parts.partColumn} = ${i}) WHERE ${encodedTarget} IS NOT NULL`,
    );
  }
  return views;
}

import type { ColumnStatistics, ValidationReport } from '../../../contracts/dataset.js';
import { AnnealError } from '../../../contracts/failures.js';
import type { PipelineSpec, Task } from '../../../contracts/pipeline.js';
import { columnsReadBy } from '../checks/target-reads.js';
import type { DataSession } from '../duckdb-session.js';
import type { RowCheck } from '../row-checks.js';
import { internalPrefix, type Schema } from '../schema-check.js';
import { splitRelation } from '../split-sql.js';
import { targetColumn } from '../target-column.js';
import { describeColumns } from './describe-columns.js';
import type { RowsToDescribe } from './described-rows.js';

const splitPosition = `${internalPrefix}split`;
const targetTypes: Readonly<Record<Task, string>> = { binary: 'boolean', multiclass: 'string', regression: 'float' };

/**
 * The statistics of a validation report: the declared columns in all rows of the snapshot and in each split of those that
 * broke no rule, and the target of the latter.
 *
 * @param rows how many the snapshot has
 * @param checked leave it out when the columns could not be read, and there are no clean rows
 */
export async function describeSnapshot(
  session: DataSession,
  {
    schema,
    checked,
    spec,
    rows,
  }: { readonly schema: Schema; readonly checked?: RowCheck; readonly spec: PipelineSpec; readonly rows: number },
): Promise<Pick<ValidationReport, 'statistics' | 'targetStatistics'>> {
  const source = { relation: schema.view, rowNumber: schema.rowNumber, rows, hasTarget: false };
  const split = checked && checked.clean > 0 ? await splitRows(session, checked, spec) : undefined;
  if (!split) return { statistics: await describeColumns(session, source, schema.columns) };
  const { task } = spec.target;
  const columns = [...schema.columns, { name: targetColumn, type: targetTypes[task] }];
  const found = await describeColumns(session, { ...source, ...split, hasTarget: true }, columns, task);
  const { mutualInformation: _, ...target } = found[found.length - 1];
  const targetStatistics: ColumnStatistics = { ...target, column: spec.target.name };
  const read = await columnsReadBy(
    session,
    spec.target,
    schema.columns.map(({ name }) => name),
  );
  const statistics = found.slice(0, -1).map((column) => (read.has(column.column) ? { ...column, isTargetSource: true as const } : column));
  return { statistics, targetStatistics };
}

/** Clean rows with their split, and the others without one. */
async function splitRows(
  session: DataSession,
  { cleanView, judgedView, reason, quarantined }: RowCheck,
  spec: PipelineSpec,
): Promise<Pick<RowsToDescribe, 'relation' | 'split'> | undefined> {
  const clean = await splitRelation(session, cleanView, spec, splitPosition).catch((error: unknown) => {
    // A split that cannot be made is what the next stage refuses; the report is about the data.
    if (error instanceof AnnealError) return undefined;
    throw error;
  });
  if (clean === undefined) return undefined;
  const others = `SELECT * REPLACE (NULL AS ${targetColumn}), NULL AS ${splitPosition} FROM ${judgedView} WHERE ${reason} IS NOT NULL`;
  return { relation: `(${quarantined.length > 0 ? `${clean} UNION ALL BY NAME ${others}` : clean})`, split: splitPosition };
}

import type { ColumnStatistics, ValidationReport } from '../../../contracts/dataset.js';
import type { PipelineSpec, Task } from '../../../contracts/pipeline.js';
import { columnsReadBy } from '../checks/target-reads.js';
import type { DataSession } from '../duckdb-session.js';
import { partColumn, rowNumberColumn } from '../split/part-relation.js';
import type { Schema } from '../validate/schema-check.js';
import { identifier } from '../sql-quoting.js';
import { targetColumn } from '../target-column.js';
import { describeColumns } from './describe-columns.js';

const targetTypes: Readonly<Record<Task, string>> = { binary: 'boolean', multiclass: 'string', multilabel: 'string', regression: 'float' };

/** The rows that broke no rule, in their parts, and those that did. */
export interface DividedRows {
  /** View of `partRelation`, or of `undividedRelation`. */
  readonly clean: string;
  readonly isDivided: boolean;
  /** View of the others: the declared columns and the row number of the schema; absent when there are none. */
  readonly quarantined?: string;
}

/**
 * The statistics of a validation report: the declared columns in all rows of the snapshot and in each part of those that
 * broke no rule, and the target of the latter.
 *
 * @param rows how many the snapshot has
 * @param divided leave it out when there are no clean rows
 */
export async function describeSnapshot(
  session: DataSession,
  {
    schema,
    divided,
    spec,
    rows,
  }: { readonly schema: Schema; readonly divided?: DividedRows; readonly spec: PipelineSpec; readonly rows: number },
): Promise<Pick<ValidationReport, 'statistics' | 'targetStatistics'>> {
  if (!divided) {
    const source = { relation: schema.view, rowNumber: schema.rowNumber, rows, hasTarget: false };
    return { statistics: await describeColumns(session, source, schema.columns) };
  }
  const { task } = spec.target;
  const columns = [...schema.columns, { name: targetColumn, type: targetTypes[task] }];
  const split = divided.isDivided ? { split: partColumn } : {};
  const source = { relation: allRows(divided, schema), rowNumber: rowNumberColumn, rows, ...split, hasTarget: true };
  const found = await describeColumns(session, source, columns, task);
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

function allRows({ clean, quarantined }: DividedRows, { columns, rowNumber }: Schema): string {
  if (quarantined === undefined) return clean;
  const names = columns.map(({ name }) => identifier(name));
  const own = [...names, targetColumn, rowNumberColumn, partColumn].join(', ');
  const others = [...names, 'NULL', rowNumber, 'NULL'].join(', ');
  return `(SELECT ${own} FROM ${clean} UNION ALL SELECT ${others} FROM ${quarantined})`;
}

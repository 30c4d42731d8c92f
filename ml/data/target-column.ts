import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { TargetSpec } from '../../contracts/pipeline.js';
import { type DataSession, firstLine } from './duckdb-session.js';

/** Name of the target in clean data and test data. */
export const targetColumn = '__target';

/** Name of the target as a number, in the views of the parts. */
export const encodedTarget = '__anneal_target';

/**
 * SQL of the target over the typed columns: BOOLEAN, VARCHAR or DOUBLE by task, NULL where there is none.
 *
 * The expression is on lines of its own, so that a comment in it ends with it.
 */
export function targetSql(target: TargetSpec): string {
  const expression = `(\n${target.expression}\n)`;
  switch (target.task) {
    case 'binary':
      return expression;
    case 'multiclass':
      return `nullif(CAST(${expression} AS VARCHAR), '')`;
    case 'regression':
      return `CASE WHEN isfinite(CAST(${expression} AS DOUBLE)) THEN CAST(${expression} AS DOUBLE) END`;
  }
}

/**
 * @param relation name of a view with the typed columns
 * @throws AnnealError `InvalidPipeline` when the expression is no expression over the columns, or has another type than the task needs
 */
export async function assertTargetIsSound(session: DataSession, target: TargetSpec, relation: string): Promise<void> {
  let type: string;
  try {
    const [described] = await session.rows(`DESCRIBE SELECT ${targetSql(target)} AS target FROM ${relation}`);
    type = String(described.column_type);
  } catch (error) {
    throw targetFailure(target, error);
  }
  if (target.task !== 'binary' || type === 'BOOLEAN') return;
  throw new AnnealError(
    failureTypes.invalidPipeline,
    `The target expression "${target.expression}" gives ${type}, but a binary target needs BOOLEAN, true for the class "${target.classes[1]}". Write a comparison, such as ${target.expression} = 1, into target.expression.`,
  );
}

/** What a target expression that fails on the data means. */
export function targetFailure(target: TargetSpec, error: unknown): AnnealError {
  return new AnnealError(
    failureTypes.invalidPipeline,
    `The target expression "${target.expression}" cannot be computed from the columns: ${firstLine(error)}. Correct target.expression; it is a scalar SQL expression over the names in columns.`,
    undefined,
    { cause: error },
  );
}

import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { labelsOf, type TargetSpec } from '../../contracts/pipeline.js';
import { type DataSession } from './duckdb-session.js';
import { firstLine } from '../first-line.js';
import { expressionProblem } from './read/one-expression.js';

/** Name of the target in clean data and test data. */
export const targetColumn = '__target';

/** Name of the target as a number, in the views of the parts. */
export const encodedTarget = '__anneal_target';

/**
 * SQL of the target over the typed columns: BOOLEAN, VARCHAR (of a multilabel target a digit of each label) or DOUBLE by task, NULL where there is none.
 *
 * The expression is on lines of its own, so that a comment in it ends with it.
 */
export function targetSql(target: TargetSpec): string {
  if (target.task === 'multilabel') return labelsSql(labelsOf(target).map(([, expression]) => expression));
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

/** A digit of each label, 1 where it is true; NULL where one is missing. */
function labelsSql(expressions: readonly string[]): string {
  return expressions.map((expression) => `(CASE (\n${expression}\n) WHEN true THEN '1' WHEN false THEN '0' END)`).join(' || ');
}

/** SQL of how many rows there are, and how many have each label: `rows`, `label0`, `label1`, … */
export function labelSumsSql(labels: number): string {
  const sums = Array.from(
    { length: labels },
    (_, label) => `coalesce(sum(CAST(substr(${targetColumn}, ${label + 1}, 1) AS INTEGER)), 0) AS label${label}`,
  );
  return ['count(*) AS rows', ...sums].join(', ');
}

/** SQL of the number whose bits are the labels, from the target's digits. */
export function labelBitsSql(labels: number): string {
  return Array.from({ length: labels }, (_, label) => `CAST(substr(${targetColumn}, ${label + 1}, 1) AS INTEGER) * ${2 ** label}`).join(
    ' + ',
  );
}

/**
 * @param relation name of a view with the typed columns
 * @throws AnnealError `InvalidPipeline` when the expression is not one over the columns of a row (it holds a subquery or a second
 *   statement), is not the same at every attempt, or has another type than the task needs
 */
export async function assertTargetIsSound(session: DataSession, target: TargetSpec, relation: string): Promise<void> {
  if (target.task === 'multilabel') {
    // Each label as a binary target of its own, so that the message names it.
    for (const [name, expression] of labelsOf(target))
      await assertTargetIsSound(session, { task: 'binary', name, expression, classes: ['false', 'true'] }, relation);
    return;
  }
  const problem = await expressionProblem(session, target.expression);
  if (problem) throw unusable(target, problem);
  let type: string;
  try {
    // With the columns beside it, as it is used: an aggregate over all rows is refused here.
    const described = await session.rows(`DESCRIBE SELECT *, ${targetSql(target)} AS ${targetColumn} FROM ${relation}`);
    type = String(described.at(-1)!.column_type);
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
  const reason = firstLine(error);
  const isAggregate = /must appear in the GROUP BY clause|aggregate/i.test(reason);
  return unusable(target, isAggregate ? 'it takes an aggregate of all rows, and must be a value of each row' : reason, error);
}

function unusable(target: TargetSpec, reason: string, cause?: unknown): AnnealError {
  const expression = target.task === 'multilabel' ? Object.values(target.labels).join(', ') : target.expression;
  const shown = expression.length > 200 ? `${expression.slice(0, 200)}…` : expression;
  return new AnnealError(
    failureTypes.invalidPipeline,
    `The target expression "${shown}" cannot be computed from the columns: ${reason.replace(/\.$/, '')}. Correct target.expression; it is a scalar SQL expression over the names in columns.`,
    undefined,
    { cause },
  );
}

import { z } from 'zod';
import type { ColumnSpec } from './columns.js';
import { columnName } from './scalars.js';
import { columnProblems } from './split-problems.js';
import type { SplitSpec } from './split.js';
import type { Task } from './target.js';

const folds = z.int().min(2).max(50).default(5);
/** Folds that run at the same time; the slots of the training workers bound it too. */
const concurrency = z.int().min(1).max(50).default(2);

/**
 * How well the chosen configuration does on rows that it was not trained on, again and again. Uses the rows of the training
 * and validation parts; the test part stays untouched.
 */
export const crossValidationSpec = z.discriminatedUnion('kind', [
  /** Every row is held out once, by a hash of the row. */
  z.strictObject({
    kind: z.literal('k-fold'),
    folds,
    /** Exact shares of each class in every fold; classification only. */
    stratify: z.boolean().default(false),
    /** Rows that are equal in these columns share a fold. Default: the columns of a group split, or the key of a random one. */
    group: z.array(columnName).min(1).optional(),
    seed: z.int().min(0).default(0),
    concurrency,
    /** Report the rows that are most likely mislabelled; classification only. */
    labelIssues: z.boolean().default(false),
  }),
  /** An expanding window: each fold trains on all that lies before the rows that it holds out. */
  z.strictObject({
    kind: z.literal('time-series'),
    folds,
    /** A timestamp column. Default: the column of a time split. */
    column: columnName.optional(),
    /** Time left out between the rows that train and those held out, e.g. `7 days`; default none. */
    gap: z
      .string()
      .regex(/^[1-9]\d{0,5} (second|minute|hour|day|week)s?$/, 'use a number and a unit: seconds, minutes, hours, days or weeks')
      .optional(),
    concurrency,
  }),
]);

export type CrossValidationSpec = z.output<typeof crossValidationSpec>;

/** The column that orders the rows in time; undefined when there is none. */
export function timeColumn(spec: Extract<CrossValidationSpec, { kind: 'time-series' }>, split: SplitSpec): string | undefined {
  return spec.column ?? (split.kind === 'time' ? split.column : undefined);
}

/** What is wrong with a cross-validation for these columns and this task. */
export function crossValidationProblems(
  spec: CrossValidationSpec,
  split: SplitSpec,
  columns: Readonly<Record<string, ColumnSpec>>,
  task: Task,
): string[] {
  if (spec.kind === 'time-series') {
    const column = timeColumn(spec, split);
    if (column === undefined) return ['crossValidation.column: a time series needs a timestamp column; name one'];
    return columns[column]?.type === 'timestamp' ? [] : [`crossValidation.column: "${column}" is not a timestamp column in columns`];
  }
  const problems = columnProblems('crossValidation.group', spec.group ?? [], columns);
  if (spec.stratify && (spec.group ?? (split.kind === 'group' ? split.columns : undefined)))
    problems.push('crossValidation.stratify: rows that stay together in groups cannot be divided by class too; leave it or the group out');
  if (task === 'multilabel' && spec.labelIssues)
    problems.push('crossValidation.labelIssues: looks for rows of the wrong one of several classes; leave it out for a multilabel target');
  if (task === 'regression')
    for (const option of ['stratify', 'labelIssues'] as const)
      if (spec[option]) problems.push(`crossValidation.${option}: a regression has no classes; leave it out`);
  return problems;
}

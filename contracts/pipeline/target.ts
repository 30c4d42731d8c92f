import { z } from 'zod';
import { columnName, sqlExpression } from './scalars.js';

/** The labels of a row travel as the bits of one number, which float32 holds exactly up to 24 of them. */
export const mostLabels = 24;

export const targetSpec = z.discriminatedUnion('task', [
  z.strictObject({
    task: z.literal('binary'),
    name: columnName,
    /** Boolean SQL expression; true is the positive class. */
    expression: sqlExpression,
    /** Names of the negative and the positive class. */
    classes: z.tuple([z.string(), z.string()]).default(['false', 'true']),
  }),
  z.strictObject({
    task: z.literal('multiclass'),
    name: columnName,
    /** SQL expression whose text is the class. */
    expression: sqlExpression,
    /** Default: the distinct values of the training part, sorted. */
    classes: z.array(z.string()).min(2).optional(),
  }),
  z.strictObject({
    task: z.literal('multilabel'),
    name: columnName,
    /** Name of each label → boolean SQL expression; any number of them may be true of a row. */
    labels: z
      .record(z.string().min(1).max(200), sqlExpression)
      .refine((labels) => Object.keys(labels).length >= 2 && Object.keys(labels).length <= mostLabels, `needs 2 to ${mostLabels} labels`),
  }),
  z.strictObject({ task: z.literal('regression'), name: columnName, expression: sqlExpression }),
]);

/**
 * The labels with their expressions by name, which is the order of the model's outputs and of the bits: a definition that went through
 * JSON with sorted keys must mean the same.
 */
export function labelsOf(target: { readonly labels: Readonly<Record<string, string>> }): readonly (readonly [string, string])[] {
  return Object.entries(target.labels).sort(([a], [b]) => (a < b ? -1 : 1));
}

export type TargetSpec = z.output<typeof targetSpec>;
export type Task = TargetSpec['task'];

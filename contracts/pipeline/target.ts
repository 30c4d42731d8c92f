import { z } from 'zod';
import { columnName, sqlExpression } from './scalars.js';

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
  z.strictObject({ task: z.literal('regression'), name: columnName, expression: sqlExpression }),
]);

export type TargetSpec = z.output<typeof targetSpec>;
export type Task = TargetSpec['task'];

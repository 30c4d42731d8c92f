import { z } from 'zod';
import { columnName, isoDate } from './scalars.js';

const timeRange = z.strictObject({ from: isoDate, until: isoDate });
export const splitSpec = z.discriminatedUnion('kind', [
  /** Half-open ranges `[from, until)` of a timestamp column; rows outside all of them are dropped and counted. */
  z.strictObject({ kind: z.literal('time'), column: columnName, train: timeRange, validation: timeRange, test: timeRange }),
  /** By a hash of the whole row (or of `key`) and the seed: a row stays in its split when the data grow. */
  z.strictObject({
    kind: z.literal('random'),
    validation: z.number().gt(0).lt(0.5).default(0.15),
    test: z.number().gt(0).lt(0.5).default(0.15),
    key: z.array(columnName).min(1).optional(),
    seed: z.int().min(0).default(0),
  }),
]);

export type SplitSpec = z.output<typeof splitSpec>;

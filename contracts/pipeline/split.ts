import { z } from 'zod';
import { columnName, isoDate } from './scalars.js';

const timeRange = z.strictObject({ from: isoDate, until: isoDate });
const share = z.number().gt(0).lt(0.5).default(0.15);
const hashSeed = z.int().min(0).default(0);
const values = z.array(z.union([z.string(), z.number(), z.boolean()])).min(1);

export const splitSpec = z.discriminatedUnion('kind', [
  /** Half-open ranges `[from, until)` of a timestamp column; rows outside all of them are dropped and counted. */
  z.strictObject({ kind: z.literal('time'), column: columnName, train: timeRange, validation: timeRange, test: timeRange }),
  /** By a hash of the whole row (or of `key`) and the seed: a row stays in its split when the data grow. */
  z.strictObject({
    kind: z.literal('random'),
    validation: share,
    test: share,
    key: z.array(columnName).min(1).optional(),
    /**
     * Exact shares within each class, by the rank of the hash. The order of the hashes does not change, so when the data
     * grow only rows near the boundary between two parts may change their part.
     */
    stratify: z.boolean().default(false),
    seed: hashSeed,
  }),
  /** By a hash of `columns` and the seed: all rows of a group share a part, and stay there when the data grow. The shares are of groups. */
  z.strictObject({ kind: z.literal('group'), columns: z.array(columnName).min(1), validation: share, test: share, seed: hashSeed }),
  /** By the value of a column; rows with a value that is not listed are dropped and counted. */
  z.strictObject({ kind: z.literal('column'), column: columnName, train: values, validation: values, test: values }),
]);

export type SplitSpec = z.output<typeof splitSpec>;

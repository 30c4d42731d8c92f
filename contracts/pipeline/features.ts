import { z } from 'zod';
import { columnName } from './scalars.js';

const embeddingDimension = z.union([z.literal('auto'), z.int().min(1).max(256)]).default('auto');
export const featureSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('numeric'),
    column: columnName,
    scale: z.enum(['standard', 'none']).default('standard'),
    /** Replaces a missing value; fitted on the training part. */
    impute: z.union([z.enum(['median', 'mean']), z.number()]).default('median'),
    /** Adds a second input that is 1 where the value was missing. */
    missingIndicator: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('categorical'),
    column: columnName,
    /** Rarer categories of the training part share the bucket of the unknown ones. */
    minCount: z.int().min(1).default(5),
    maxCategories: z.int().min(2).max(1_000_000).default(10_000),
    dimension: embeddingDimension,
  }),
  z.strictObject({
    kind: z.literal('calendar'),
    column: columnName,
    part: z.enum(['month', 'dayOfMonth', 'dayOfWeek', 'hour', 'minute']),
    dimension: embeddingDimension,
  }),
]);

export type FeatureSpec = z.output<typeof featureSpec>;

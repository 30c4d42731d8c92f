import { z } from 'zod';
import { imageFeature } from './image.js';
import { columnName } from './scalars.js';

const embeddingDimension = z.union([z.literal('auto'), z.int().min(1).max(256)]).default('auto');

const numericFeature = z.strictObject({
  kind: z.literal('numeric'),
  column: columnName,
  /**
   * `standard`: (x − mean) / deviation; `robust`: (x − median) / interquartile range; `minmax`: the training part's range to
   * [0, 1]; `quantile`: the share of training values below x, to [−1, 1]; `log`: sign(x) · ln(1 + |x|), then as `standard`.
   */
  scale: z.enum(['standard', 'robust', 'quantile', 'log', 'minmax', 'none']).default('standard'),
  /** Replaces a missing value; fitted on the training part. */
  impute: z.union([z.enum(['median', 'mean']), z.number()]).default('median'),
  /** Adds a second input that is 1 where the value was missing. */
  missingIndicator: z.boolean().default(false),
  /** Values outside are moved to the bound, before scaling. Bounds are values, or quantiles of the training part. */
  clip: z
    .union([
      z.strictObject({ low: z.number().optional(), high: z.number().optional() }),
      z.strictObject({ quantiles: z.tuple([z.number().min(0).lt(1), z.number().gt(0).max(1)]) }),
    ])
    .optional(),
});

const categoricalFeature = z.strictObject({
  kind: z.literal('categorical'),
  column: columnName,
  /**
   * `embedding`: a trained vector a category; `one-hot`: an input a category; `hashing`: a trained vector for each of
   * `buckets` hash values; `target`: the mean target of the category's training rows.
   */
  encoding: z.enum(['embedding', 'one-hot', 'hashing', 'target']).default('embedding'),
  /** Rarer categories of the training part share the bucket of the unknown ones; default 5, `target` 1. */
  minCount: z.int().min(1).optional(),
  /** The most frequent ones get a place of their own; default 10,000, `one-hot` 256. */
  maxCategories: z.int().min(2).max(1_000_000).optional(),
  dimension: embeddingDimension,
  /** `hashing`: how many hash values; default 4,096. */
  buckets: z.int().min(2).max(1_000_000).optional(),
  /** `target`: rows' worth of trust in the target's overall mean; default 20. */
  smoothing: z.number().min(0).max(1e9).optional(),
  /** `target`: a training row's own fold does not count in its value; default 5. */
  folds: z.int().min(2).max(100).optional(),
});

const calendarFeature = z.strictObject({
  kind: z.literal('calendar'),
  column: columnName,
  /** In UTC. `dayOfWeek` begins with Monday, `weekOfYear` is that of ISO 8601. */
  part: z.enum(['month', 'quarter', 'dayOfMonth', 'dayOfWeek', 'dayOfYear', 'weekOfYear', 'hour', 'minute', 'year']),
  /** `cyclical`: sine and cosine of the part's place in its period; `numeric`: standardized. Default `embedding`; a year is `numeric`. */
  encoding: z.enum(['embedding', 'cyclical', 'one-hot', 'numeric']).optional(),
  dimension: embeddingDimension,
});

const textFeature = z.strictObject({
  kind: z.literal('text'),
  column: columnName,
  /** Inputs of the model; words with equal hash values share one. */
  buckets: z.int().min(2).max(65_536).default(256),
  /** 2: pairs of neighbouring words count too. */
  ngrams: z.union([z.literal(1), z.literal(2)]).default(1),
  /** A to Z become a to z; other letters stay. */
  lowercase: z.boolean().default(true),
  weighting: z.enum(['tf', 'tf-idf']).default('tf-idf'),
  /** Words after these are left out. */
  maxTokens: z.int().min(1).max(100_000).default(256),
});

export const featureSpec = z.discriminatedUnion('kind', [numericFeature, categoricalFeature, calendarFeature, textFeature, imageFeature]);

export type FeatureSpec = z.output<typeof featureSpec>;

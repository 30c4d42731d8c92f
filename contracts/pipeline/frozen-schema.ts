import { z } from 'zod';
import { columnName } from './scalars.js';

/** Most values of a domain, and of categories of a distribution. */
export const maxDomain = 200;
/** Most bins of a histogram. */
export const maxBins = 50;

/** It travels in the input of the workflow, with the rest of the definition. */
const maxCharacters = 500_000;

const fraction = z.number().min(0).max(1);

const categories = z.strictObject({
  kind: z.literal('categories'),
  /** Share of the values that are not missing, by value; those of values that are not named add up to the rest. */
  shares: z
    .record(z.string().max(200), fraction)
    .refine((shares) => Object.keys(shares).length <= maxDomain, `at most ${maxDomain} values`),
  /** Largest distance (L∞) before it is reported; default `expectations.drift.categories`. */
  max: z.number().gt(0).max(1).optional(),
});

const histogram = z
  .strictObject({
    kind: z.literal('histogram'),
    /** Increasing; bin i is [edges[i], edges[i + 1]), the outer ones are open to the outside. */
    edges: z
      .array(z.number())
      .min(2)
      .max(maxBins + 1),
    shares: z.array(fraction).min(1).max(maxBins),
    /** Largest distance (Jensen–Shannon divergence, base 2) before it is reported; default `expectations.drift.numbers`. */
    max: z.number().gt(0).max(1).optional(),
  })
  .refine(({ edges, shares }) => edges.length === shares.length + 1, 'a histogram has one edge more than shares')
  .refine(({ edges }) => edges.every((edge, i) => i === 0 || edge > edges[i - 1]), 'the edges of a histogram increase');

export const frozenColumn = z.strictObject({
  /** DuckDB's name of the type that the source has. */
  type: z.string().min(1).max(2000),
  /** Whether the source must have the column. */
  presence: z.enum(['required', 'optional']).default('required'),
  maxMissing: fraction.optional(),
  /** The values that a column of few values has. */
  domain: z.array(z.string().max(200)).max(maxDomain).optional(),
  range: z.strictObject({ min: z.number(), max: z.number() }).optional(),
  /** One value in every row is no surprise here. */
  constant: z.boolean().optional(),
  unique: z.boolean().optional(),
  distribution: z.discriminatedUnion('kind', [categories, histogram]).optional(),
});

/**
 * What a data set was like when somebody looked at it: `<name>.schema.json` beside the pipeline's file, written by
 * `anneal schema --write`, reviewed and kept with the code. The command embeds it into the definition of a run.
 */
export const frozenSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    /** How many rows it was inferred from. */
    rows: z.int().min(1),
    columns: z.record(columnName, frozenColumn),
  })
  .refine(
    (schema) => JSON.stringify(schema).length <= maxCharacters,
    'at most 500,000 characters of JSON; take distributions or domains out',
  );

export type FrozenColumn = z.output<typeof frozenColumn>;
export type FrozenSchema = z.output<typeof frozenSchema>;
export type FrozenDistribution = NonNullable<FrozenColumn['distribution']>;

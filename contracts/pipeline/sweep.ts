import { z } from 'zod';

/** `uniform` and `log-uniform` become `integer` and `log-integer` for a field of whole numbers, when the definition is checked. */
const parameterRange = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('uniform'), low: z.number(), high: z.number() }),
  z.strictObject({ kind: z.literal('log-uniform'), low: z.number().gt(0), high: z.number().gt(0) }),
  z.strictObject({ kind: z.literal('integer'), low: z.int(), high: z.int() }),
  /** Whole numbers, evenly in the logarithm. */
  z.strictObject({ kind: z.literal('log-integer'), low: z.int().min(1), high: z.int().min(1) }),
  z.strictObject({ kind: z.literal('choice'), values: z.array(z.json()).min(1) }),
]);

/** Names that would reach an object's prototype are none. */
const parameterPath = z.string().regex(/^(training|model)(\.(?!(constructor|prototype)(\.|$))[A-Za-z]\w*)+$/);

export const sweepSpec = z.strictObject({
  trials: z.int().min(1).max(300).default(8),
  /** Each rung lets ⌊n / eta⌋ trials go on (at least one). */
  eta: z.int().min(2).max(16).default(3),
  /** Training steps (mini-batches) that a trial has done in all at the end of each rung, increasing. */
  rungs: z.array(z.int().min(1)).min(1).max(10).default([100, 300]),
  /** Trials that run at the same time; the slots of the training workers bound it too. */
  concurrency: z.int().min(1).max(1000).default(2),
  /** Rows of the validation part that compare trials. */
  validationRows: z.int().min(100).default(100_000),
  /** Path into the definition (`training.learningRate`, `model.hidden`, …) → what to draw from. */
  space: z.record(parameterPath, parameterRange),
  seed: z.int().min(0).default(1),
});

export type SweepSpec = z.output<typeof sweepSpec>;
export type ParameterRange = z.output<typeof parameterRange>;

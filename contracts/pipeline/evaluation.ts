import { z } from 'zod';
import { metricNames } from './metrics.js';
import { columnName } from './scalars.js';

const metricName = z.enum(metricNames);

export const evaluationSpec = z.strictObject({
  /** Decides between trials, stops early, and stands first in every report. Default by task: auc, logLoss, rmse; pinball where quantiles are predicted. */
  primaryMetric: metricName.optional(),
  /** Features or string columns whose values cut the test split into slices. */
  slices: z.array(columnName).default([]),
});

/** The mean over the folds of the cross-validation, in place of the metric on the test part. */
const crossValidated = z.literal(true).optional();

export const gateSpec = z.union(
  [
    z.strictObject({ metric: metricName, crossValidated, min: z.number() }),
    z.strictObject({ metric: metricName, crossValidated, max: z.number() }),
    /** At least `by` better than the naive baseline or the champion; a negative `by` tolerates a loss. */
    z.strictObject({ metric: metricName, betterThan: z.enum(['baseline', 'champion']), by: z.number() }),
  ],
  {
    error: `a gate is {metric, min}, {metric, max} (either with crossValidated: true) or {metric, betterThan: "baseline" | "champion", by}, metric one of ${metricNames.join(', ')}`,
  },
);

export const promotionSpec = z.strictObject({
  /** `manual`: the run waits for `anneal approve` or `anneal reject`. */
  approval: z.enum(['automatic', 'manual']).default('automatic'),
  /** Hosts that must be there to take the version; with fewer, the run waits `hostWaitSeconds`, then fails. */
  minHosts: z.int().min(0).max(1000).default(1),
  hostWaitSeconds: z.int().min(1).max(86_400).default(60),
});

export type GateSpec = z.output<typeof gateSpec>;

import { z } from 'zod';
import { pipelineName } from './scalars.js';

/**
 * How the inference hosts serve a version of this pipeline; carried with the version. What is left out is not done, and changes no
 * digest.
 */
export const servingSpec = z.strictObject({
  /**
   * What answers instead when the version cannot: it has more requests than it can execute, or it fails. In this order, each only where
   * it is configured: another model, the last answer to the same input, the shares of the training data.
   */
  degrade: z
    .strictObject({
      /** A model that is served by the same hosts and predicts the same from the same columns, e.g. a smaller one. */
      fallbackModel: pipelineName.optional(),
      /** Answers that a serving process keeps, least recently used go first. */
      cachedAnswers: z.int().min(1).max(1_000_000).optional(),
      /** Answer with the class shares, or the mean, of the training part. */
      prior: z.literal(true).optional(),
    })
    .optional(),
  /** The prediction log; what is left out is as the host has it. */
  log: z
    .strictObject({
      /** Share of this model's requests that are logged, whatever the host's `ANNEAL_PREDICTION_LOG` says; 0 logs none. */
      share: z.number().min(0).max(1),
    })
    .optional(),
});

export type ServingSpec = z.output<typeof servingSpec>;

import { z } from 'zod';
import { pipelineName } from './scalars.js';
import type { PipelineSpec } from './schema.js';

/**
 * How the inference hosts serve a version of this pipeline; carried with the version. What is left out is not done, and changes no
 * digest.
 */
export const servingSpec = z.strictObject({
  /** What happens to rows that are unlike the training rows, by the score that the exported graph gives each. */
  anomaly: z
    .strictObject({
      /**
       * `flag`: they are answered, and the answer says which they are. `fallback`: they are answered by what `degrade` names for a
       * version that cannot answer. `reject`: the request is refused. `off`: the graph computes no score.
       */
      policy: z.enum(['off', 'flag', 'fallback', 'reject']),
      /** A row is meant when its score, the share of training rows that are less unusual, is at least so much. */
      threshold: z.number().min(0).max(1).default(0.999),
    })
    .optional(),
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
  /**
   * An executor that computes one batch for longer than this is taken for stuck and ended; the requests of the batch are run once more,
   * each alone. Never less than ten times what as many rows took when the version was measured. 30 where it is left out.
   */
  executeTimeoutSeconds: z.number().min(0.1).max(3600).optional(),
  /**
   * What a crash of native code (onnxruntime, a lack of memory) takes along, whatever the host's `ANNEAL_SERVING_PLACEMENT` says.
   * `process`: an executor process of the version alone. `thread`: the version executes in the serving process. Left out: as the host
   * has it.
   */
  isolation: z.enum(['thread', 'process']).optional(),
  /** The prediction log; what is left out is as the host has it. */
  log: z
    .strictObject({
      /** Share of this model's requests that are logged, whatever the host's `ANNEAL_PREDICTION_LOG` says; 0 logs none. */
      share: z.number().min(0).max(1),
    })
    .optional(),
});

export type ServingSpec = z.output<typeof servingSpec>;

/** What of `serving` does not go together with the features, or in itself; a sentence for each. */
export function servingProblems({ name, serving, features }: Pick<PipelineSpec, 'name' | 'serving' | 'features'>): string[] {
  const { anomaly, degrade } = serving ?? {};
  const problems: string[] = [];
  if (degrade?.fallbackModel === name)
    problems.push(`serving.degrade.fallbackModel: "${name}" is this pipeline's own model; name another one, or leave it out`);
  if (!anomaly || anomaly.policy === 'off') return problems;
  if (anomaly.policy === 'fallback' && !degrade?.fallbackModel && !degrade?.prior)
    problems.push('serving.anomaly.policy: nothing would answer instead; set serving.degrade.fallbackModel or serving.degrade.prior');
  const read = Object.values(features);
  if (read.some(({ column }) => column === 'anomaly'))
    problems.push(
      'serving.anomaly: a feature reads a column named "anomaly", which is the name of the score; rename the column in the source',
    );
  const isScored = read.some(
    (feature) =>
      feature.kind === 'numeric' ||
      feature.kind === 'categorical' ||
      (feature.kind === 'calendar' && (feature.part === 'hour' || feature.part === 'dayOfWeek')),
  );
  if (!isScored)
    problems.push('serving.anomaly: rows have no score, since no feature is a number, a category, an hour or a weekday; leave it out');
  return problems;
}

export { coarseThreshold } from './coarse-threshold.js';

import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { TrainingSpec } from '../../../contracts/pipeline.js';
import { balancedClassWeights } from './class-weights.js';
import { classCounts, sampledCounts } from './sampling.js';

/** How classes of unequal size are trained; each part is absent where the pipeline asks for nothing. */
export interface ImbalancePlan {
  /** Weight of each class in the loss. */
  readonly classWeights?: readonly number[];
  /** Rows of each class that an epoch visits. */
  readonly sampledCounts?: readonly number[];
  /** How many times too often each of several classes counts in training, up to a common factor. */
  readonly classShift?: readonly number[];
}

interface Classes {
  readonly classes: number;
  readonly classNames?: readonly string[];
}

/**
 * `balanced` weights balance what sampling left unbalanced.
 *
 * The shift is for the calibration: a network whose classes count wₖ times as often as they are predicts pₖ wₖ / Σ pⱼ wⱼ. For two
 * classes the intercept of Platt's scaling puts it right, for more than two a temperature alone cannot.
 *
 * @param target index of the class, shape [rows]
 * @throws AnnealError `InvalidPipeline` when a weight names a class that the target does not have
 * @see Saerens et al. 2002, "Adjusting the Outputs of a Classifier to New a Priori Probabilities", equation 2.4
 */
export function createImbalancePlan(
  { classWeights: wanted, sampling }: Pick<TrainingSpec, 'classWeights' | 'sampling'>,
  task: 'binary' | 'multiclass',
  target: Float32Array,
  { classes, classNames }: Classes,
): ImbalancePlan {
  const counts = classCounts(target, classes);
  const sampled = sampling && sampling !== 'none' ? sampledCounts(sampling, counts) : undefined;
  const weights =
    wanted === 'balanced'
      ? balancedClassWeights(sampled ?? counts)
      : wanted === 'none'
        ? undefined
        : namedClassWeights(wanted, classNames ?? [], classes);
  // A class without rows is not trained at all, so there is nothing to put right.
  const shift = counts.map((count, k) => (count === 0 ? 1 : ((sampled?.[k] ?? count) / count) * (weights?.[k] ?? 1)));
  return {
    ...(weights ? { classWeights: weights } : {}),
    ...(sampled ? { sampledCounts: sampled } : {}),
    ...(task === 'multiclass' && (sampled || weights) ? { classShift: shift } : {}),
  };
}

function namedClassWeights(weights: Readonly<Record<string, number>>, names: readonly string[], classes: number): number[] {
  const unknown = Object.keys(weights).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `training.classWeights gives a weight to the class "${unknown}", which the target does not have. Its classes are ${names.join(', ')}. Correct the name, or leave it out.`,
    );
  }
  return Array.from({ length: classes }, (_, k) => weights[names[k]] ?? 1);
}

import type { TrainingSpec } from '../../../contracts/pipeline.js';

/** What every optimizer may have beside its own numbers. */
interface OptimizerOptions {
  readonly weightDecay: number;
  /** Parameters of rank 2 and more alone decay; absent: all do. */
  readonly weightDecayOf?: 'matrices';
  /** Each element of the gradient is moved into ±clipValue. */
  readonly clipValue?: number;
  /** A longer gradient is shortened to this length, after `clipValue`. */
  readonly clipNorm?: number;
  /** The parameters' moving average keeps this share of itself in a step; absent: there is no average. */
  readonly averageDecay?: number;
}

export interface AdamPlan extends OptimizerOptions {
  /** Absent: AdamW, whose weight decay does not pass through the moments. */
  readonly kind?: 'adam';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface SgdPlan extends OptimizerOptions {
  readonly kind: 'sgd';
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** How a gradient becomes a step; plain JSON. */
export type OptimizerPlan = AdamPlan | SgdPlan;

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;

/** @returns AdamW unless the training says otherwise; options that are left out leave no trace in it */
export function createOptimizerPlan(training: TrainingSpec): OptimizerPlan {
  const { optimizer, weightDecay, weightDecayOf, gradientClipping, weightAveraging } = training;
  const options = {
    weightDecay,
    ...(weightDecayOf === 'matrices' && weightDecay > 0 ? { weightDecayOf } : {}),
    ...(gradientClipping?.value === undefined ? {} : { clipValue: gradientClipping.value }),
    ...(gradientClipping?.norm === undefined ? {} : { clipNorm: gradientClipping.norm }),
    ...(weightAveraging ? { averageDecay: weightAveraging.decay } : {}),
  };
  if (optimizer === undefined) return { ...adam, ...options };
  if (optimizer.kind !== 'adamw') return { ...optimizer, ...options };
  const { kind: _, ...moments } = optimizer;
  return { ...moments, ...options };
}

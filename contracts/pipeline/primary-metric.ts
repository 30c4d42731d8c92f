import type { MetricName } from './metrics.js';
import type { PipelineSpec } from './schema.js';
import type { TrainingSpec } from './training.js';

/** @returns the quantiles that a model of this training predicts, or undefined */
export function quantilesOf({ loss }: Pick<TrainingSpec, 'loss'>): readonly number[] | undefined {
  return loss?.kind === 'quantile' ? loss.quantiles : undefined;
}

export function primaryMetric(spec: PipelineSpec): MetricName {
  if (spec.evaluation.primaryMetric) return spec.evaluation.primaryMetric;
  if (quantilesOf(spec.training)) return 'pinball';
  return ({ binary: 'auc', multiclass: 'logLoss', multilabel: 'auc', regression: 'rmse' } as const)[spec.target.task];
}

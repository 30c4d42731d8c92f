import { figure } from '../../contracts/figure.js';
import type { GateSpec } from '../../contracts/pipeline.js';
import { isLowerBetter, type MetricName, type Metrics } from '../../contracts/pipeline/metrics.js';

/**
 * What is to be said of a model that does no better than one that predicts the same for every row.
 *
 * Pure, so it is safe in a workflow and on replay.
 *
 * @returns undefined when the model is better, or the metric was not measured
 */
export function belowBaseline(metric: MetricName, metrics: Metrics, baseline: Metrics, gates: readonly GateSpec[]): string | undefined {
  const [model, naive] = [metrics[metric], baseline[metric]];
  if (model === undefined || naive === undefined || Number.isNaN(model) || Number.isNaN(naive)) return undefined;
  if (isLowerBetter(metric) ? model < naive : model > naive) return undefined;
  const found = `On the test part the model does no better than the naive baseline, which predicts the same for every row: ${metric} ${figure(model)}, baseline ${figure(naive)}.`;
  const isHeld = gates.some((gate) => 'betterThan' in gate && gate.betterThan === 'baseline');
  if (isHeld) return found;
  return `${found} No gate of the pipeline compares with the baseline; { metric: '${metric}', betterThan: 'baseline', by: 0 } in gates keeps such a version from being promoted.`;
}

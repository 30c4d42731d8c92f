import type { FoldFigures } from '../../../contracts/cross-validation.js';
import { metricNames, type MetricName, type Metrics } from '../../../contracts/pipeline/metrics.js';

/**
 * Mean and standard deviation of every metric over the folds of a cross-validation. Pure: safe in a workflow.
 *
 * A fold whose held-out rows do not define a metric has null among its values and does not count.
 */
export function foldFigures(folds: readonly Metrics[]): Partial<Record<MetricName, FoldFigures>> {
  const figures: Partial<Record<MetricName, FoldFigures>> = {};
  for (const name of metricNames) {
    const values = folds.map((metrics) => metrics[name] ?? null);
    const present = values.filter((value) => value !== null);
    if (present.length > 0) figures[name] = { ...meanAndDeviation(present), values };
  }
  return figures;
}

function meanAndDeviation(values: readonly number[]): { mean: number; standardDeviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardDeviation: values.length === 1 ? 0 : Math.sqrt(squares / (values.length - 1)) };
}

import { isLowerBetter, type MetricName, type Metrics } from '../../contracts/pipeline/metrics.js';

interface Validated {
  readonly validation: Metrics;
}

/** Whether one training is ahead of another on the same validation rows; a metric that was not measured is behind. Pure. */
export function didBetter(one: Validated, other: Validated, metric: MetricName): boolean {
  const [a, b] = [one.validation[metric] ?? Number.NaN, other.validation[metric] ?? Number.NaN];
  if (Number.isNaN(a)) return false;
  return Number.isNaN(b) || (isLowerBetter(metric) ? a < b : a > b);
}

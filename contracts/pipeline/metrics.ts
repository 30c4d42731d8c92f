import type { Task } from './target.js';

export const metricNames = [
  'auc',
  'averagePrecision',
  'logLoss',
  'accuracy',
  'macroF1',
  'brier',
  'ece',
  'rmse',
  'mae',
  'r2',
  'pinball',
  'coverage',
] as const;

export type MetricName = (typeof metricNames)[number];
/** Values by metric name; a metric that a task does not have is absent. */
export type Metrics = Partial<Record<MetricName, number>>;

export const taskMetrics: Readonly<Record<Task, readonly MetricName[]>> = {
  binary: ['auc', 'averagePrecision', 'logLoss', 'accuracy', 'macroF1', 'brier', 'ece'],
  multiclass: ['auc', 'logLoss', 'accuracy', 'macroF1', 'brier'],
  /** Means over the labels; `accuracy` is the share of labels that are right, `macroF1` the mean F1 of the rows that have a label. */
  multilabel: ['auc', 'averagePrecision', 'logLoss', 'accuracy', 'macroF1', 'brier'],
  // The last two where the model predicts quantiles.
  regression: ['rmse', 'mae', 'r2', 'pinball', 'coverage'],
};

/** Metrics where a smaller value is better. */
const lossLike: ReadonlySet<MetricName> = new Set(['logLoss', 'brier', 'ece', 'rmse', 'mae', 'pinball']);

export function isLowerBetter(metric: MetricName): boolean {
  return lossLike.has(metric);
}

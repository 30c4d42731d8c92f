import type { Metrics, Task } from '../../contracts/pipeline.js';
import { computeMetrics } from './metrics/metrics.js';

/**
 * Metrics of the naive model that predicts the training prior for every row: the class shares, the mean, or the quantiles.
 * Its class is the most frequent one.
 *
 * @param trainingPrior class shares of the training part, or [mean, standard deviation, quantiles…]
 * @param actual shape [N]
 */
export function baselineMetrics(
  task: Task,
  trainingPrior: readonly number[],
  actual: Float32Array,
  quantiles?: readonly number[],
): Metrics {
  const rows = actual.length;
  if (task === 'multiclass' || task === 'multilabel') {
    const classes = trainingPrior.length;
    const predicted = new Float32Array(rows * classes);
    for (let i = 0; i < predicted.length; i++) predicted[i] = trainingPrior[i % classes];
    return computeMetrics({ task, classes, predicted, actual });
  }
  if (quantiles) {
    const constants = trainingPrior.slice(2);
    const predicted = Float32Array.from({ length: rows * quantiles.length }, (_, i) => constants[i % quantiles.length]);
    // The value is the mean, as without quantiles.
    const { pinball, coverage } = computeMetrics({ task, classes: 0, predicted, actual, quantiles });
    return {
      ...baselineMetrics(task, trainingPrior, actual),
      ...(pinball === undefined ? {} : { pinball }),
      ...(coverage === undefined ? {} : { coverage }),
    };
  }
  const constant = task === 'binary' ? trainingPrior[1] : trainingPrior[0];
  return computeMetrics({ task, classes: task === 'binary' ? 2 : 0, predicted: new Float32Array(rows).fill(constant), actual });
}

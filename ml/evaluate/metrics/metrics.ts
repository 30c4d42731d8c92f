import type { MetricName, Metrics, Task } from '../../../contracts/pipeline.js';
import { accuracy } from './accuracy.js';
import { auc } from './auc.js';
import { averagePrecision } from './average-precision.js';
import { binaryBrier, multiclassBrier } from './brier.js';
import { calibrationBins, expectedCalibrationError } from '../calibration/calibration.js';
import { confusionMatrix } from './confusion.js';
import { binaryLogLoss, multiclassLogLoss } from './log-loss.js';
import { macroLabelMetrics, metricsOfLabel } from './label-metrics.js';
import { macroF1 } from './macro-f1.js';
import { mae } from './mae.js';
import { coverage, pinball } from './pinball.js';
import { classAtThreshold, mostProbableClass } from './predicted-class.js';
import { r2 } from './r2.js';
import { rankOrder } from './rank-order.js';
import { rmse } from './rmse.js';

/** Predictions of N rows with the truth. */
export interface Predictions {
  readonly task: Task;
  /** Number of classes; 0 for a regression. */
  readonly classes: number;
  /** Binary: probability of the positive class [N]; multiclass and multilabel: probabilities [N, classes]; regression: value [N], or quantiles [N, quantiles]. */
  readonly predicted: Float32Array;
  /** Shape [N]: 0/1, index of the class, the labels as bits, or the value. */
  readonly actual: Float32Array;
  /** Binary: the probability from which on a row counts as positive; default 0.5. */
  readonly threshold?: number;
  /** Multilabel: the same for each label. */
  readonly thresholds?: readonly number[];
  /** Of a regression that predicts quantiles. */
  readonly quantiles?: readonly number[];
}

/**
 * Every metric of the task.
 *
 * @returns without the metrics that these rows do not define (the AUC of one class, R² of a constant)
 */
export function computeMetrics(predictions: Predictions): Metrics {
  if (predictions.actual.length === 0) return {};
  const all = { binary: binaryMetrics, multiclass: multiclassMetrics, multilabel: multilabelMetrics, regression: regressionMetrics }[
    predictions.task
  ](predictions);
  return finite(all);
}

/** Numbers that are kept of each row. */
export function predictionWidth({
  task,
  classes,
  quantiles,
}: Pick<Predictions, 'task' | 'quantiles'> & { readonly classes: number }): number {
  if (task === 'regression') return quantiles?.length ?? 1;
  return task === 'multiclass' || task === 'multilabel' ? classes : 1;
}

/** @returns `confusion[actual][predicted]`, or undefined for a regression and for several labels */
export function predictionConfusion(predictions: Predictions): number[][] | undefined {
  if (predictions.task === 'regression' || predictions.task === 'multilabel') return undefined;
  const predicted =
    predictions.task === 'binary'
      ? classAtThreshold(predictions.predicted, predictions.threshold ?? 0.5)
      : mostProbableClass(predictions.predicted, predictions.classes);
  return confusionMatrix(predicted, predictions.actual, predictions.classes);
}

function binaryMetrics(predictions: Predictions): Partial<Record<MetricName, number>> {
  const { predicted, actual } = predictions;
  const order = rankOrder(predicted);
  const confusion = predictionConfusion(predictions)!;
  return {
    auc: auc(predicted, actual, 1, order),
    averagePrecision: averagePrecision(predicted, actual, order),
    logLoss: binaryLogLoss(predicted, actual),
    accuracy: accuracy(confusion),
    macroF1: macroF1(confusion),
    brier: binaryBrier(predicted, actual),
    ece: expectedCalibrationError(calibrationBins(predicted, actual)),
  };
}

function multilabelMetrics({ predicted, actual, classes, thresholds }: Predictions): Partial<Record<MetricName, number>> {
  return macroLabelMetrics({ predicted, actual, labels: classes, thresholds });
}

/** @param names of the labels */
export function labelReport({ predicted, actual, classes, thresholds }: Predictions, names: readonly string[]): Record<string, Metrics> {
  const of = { predicted, actual, labels: classes, thresholds };
  return Object.fromEntries(names.map((name, label) => [name, finite(metricsOfLabel(of, label))]));
}

function finite(metrics: Partial<Record<MetricName, number>>): Metrics {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value))) as Metrics;
}

function multiclassMetrics(predictions: Predictions): Partial<Record<MetricName, number>> {
  const { predicted, actual, classes } = predictions;
  const confusion = predictionConfusion(predictions)!;
  return {
    auc: macroOneVersusRestAuc(predicted, actual, classes),
    logLoss: multiclassLogLoss(predicted, actual, classes),
    accuracy: accuracy(confusion),
    macroF1: macroF1(confusion),
    brier: multiclassBrier(predicted, actual, classes),
  };
}

/** Unweighted mean over the classes that have both positive and negative rows. */
function macroOneVersusRestAuc(probabilities: Float32Array, labels: Float32Array, classes: number): number {
  const scores = new Float32Array(labels.length);
  const defined: number[] = [];
  for (let k = 0; k < classes; k++) {
    for (let row = 0; row < scores.length; row++) scores[row] = probabilities[row * classes + k];
    const value = auc(scores, labels, k);
    if (Number.isFinite(value)) defined.push(value);
  }
  return defined.reduce((sum, value) => sum + value, 0) / defined.length;
}

/** The value of a model of quantiles is the median. */
function regressionMetrics({ predicted, actual, quantiles }: Predictions): Partial<Record<MetricName, number>> {
  if (quantiles) {
    const median = quantiles.indexOf(0.5);
    const values = Float32Array.from(actual, (_, row) => predicted[row * quantiles.length + median]);
    return {
      ...regressionMetrics({ task: 'regression', classes: 0, predicted: values, actual }),
      pinball: pinball(predicted, actual, quantiles),
      coverage: coverage(predicted, actual, quantiles.length),
    };
  }
  return { rmse: rmse(predicted, actual), mae: mae(predicted, actual), r2: r2(predicted, actual) };
}

import type { MetricName } from '../../../contracts/pipeline.js';
import { accuracy } from './accuracy.js';
import { auc } from './auc.js';
import { averagePrecision } from './average-precision.js';
import { binaryBrier } from './brier.js';
import { confusionMatrix } from './confusion.js';
import { columnOf, labelBit } from './label-bits.js';
import { binaryLogLoss } from './log-loss.js';
import { classAtThreshold } from './predicted-class.js';
import { rankOrder } from './rank-order.js';

type Figures = Partial<Record<MetricName, number>>;

export interface LabelPredictions {
  /** Probabilities, shape [N, labels]. */
  readonly predicted: Float32Array;
  /** Labels as bits, shape [N]. */
  readonly actual: Float32Array;
  readonly labels: number;
  /** Probability of each label from which on it is said to be true; default 0.5. */
  readonly thresholds?: readonly number[];
}

/** Metrics of one label among the others; `macroF1` is the F1 of the rows that have it. Not finite where it is not defined. */
export function metricsOfLabel({ predicted, actual, labels, thresholds }: LabelPredictions, label: number): Figures {
  const probabilities = columnOf(predicted, labels, label);
  const truth = labelBit(actual, label);
  const order = rankOrder(probabilities);
  const confusion = confusionMatrix(classAtThreshold(probabilities, thresholds?.[label] ?? 0.5), truth, 2);
  const [[, falsePositives], [falseNegatives, truePositives]] = confusion;
  return {
    auc: auc(probabilities, truth, 1, order),
    averagePrecision: averagePrecision(probabilities, truth, order),
    logLoss: binaryLogLoss(probabilities, truth),
    accuracy: accuracy(confusion),
    macroF1: (2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives),
    brier: binaryBrier(probabilities, truth),
  };
}

/** Unweighted means over the labels that define each metric: those that some rows have and others do not. */
export function macroLabelMetrics(predictions: LabelPredictions): Figures {
  const all = Array.from({ length: predictions.labels }, (_, label) => metricsOfLabel(predictions, label));
  const names = ['auc', 'averagePrecision', 'logLoss', 'accuracy', 'macroF1', 'brier'] as const;
  return Object.fromEntries(
    names.map((name) => {
      const defined = all.map((metrics) => metrics[name]!).filter(Number.isFinite);
      return [name, defined.reduce((sum, value) => sum + value, 0) / defined.length];
    }),
  );
}

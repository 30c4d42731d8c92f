import type { Task } from '../../../contracts/pipeline.js';
import { bestF1Threshold } from '../metrics/best-threshold.js';
import { columnOf, labelBit } from '../metrics/label-bits.js';
import { fitPlattScaling } from './platt-scaling.js';
import { fitTemperature } from './temperature-scaling.js';

/**
 * What turns a network's logits into the prediction; fitted on the validation part, and part of the exported graph.
 *
 * Class weights and early stopping distort the probabilities that a network was trained for; this puts them right.
 */
export type Calibration =
  | { readonly kind: 'platt'; readonly slope: number; readonly intercept: number }
  /** Of each label: sigmoid(slope · logit + intercept), and the probability from which on a row is said to have it. Shape [labels] each. */
  | {
      readonly kind: 'labels';
      readonly slopes: readonly number[];
      readonly intercepts: readonly number[];
      readonly thresholds: readonly number[];
    }
  /** softmax(scale · (logits − offsets)); `offsets`, shape [outputs], absent = 0, are what classes that count too often gained. */
  | { readonly kind: 'temperature'; readonly scale: number; readonly offsets?: readonly number[] }
  /** The network of a regression predicts the standardized target. */
  | {
      readonly kind: 'standardization';
      readonly mean: number;
      readonly scale: number;
      /** The logits are these quantiles; those of a row are sorted, so that none crosses another. */
      readonly quantiles?: readonly number[];
    };

/**
 * @param logits shape [N, outputs], finite
 * @param labels shape [N]: 0/1, index of the class, or labels as bits; not used for a regression
 * @param trainingPrior [mean, standard deviation] of a regression target
 * @param options `classShift`, multiclass: how many times too often each class counted in training, shape [outputs]; absent = 1.
 *   `quantiles`, regression: what the logits are, shape [outputs]; absent: the value alone
 */
export function fitCalibration(
  task: Task,
  logits: Float32Array,
  labels: Float32Array,
  outputs: number,
  trainingPrior: readonly number[],
  { classShift, quantiles }: { readonly classShift?: readonly number[]; readonly quantiles?: readonly number[] } = {},
): Calibration {
  if (task === 'regression') return { kind: 'standardization', ...targetScaling(trainingPrior), ...(quantiles ? { quantiles } : {}) };
  if (task === 'binary') return { kind: 'platt', ...fitPlattScaling(logits, labels) };
  if (task === 'multilabel') return fitLabels(logits, labels, outputs);
  if (!classShift) return { kind: 'temperature', ...fitTemperature(logits, labels, outputs) };
  const offsets = classShift.map((factor) => Math.fround(Math.log(factor)));
  return { kind: 'temperature', ...fitTemperature(withoutOffsets(logits, offsets), labels, outputs), offsets };
}

function fitLabels(logits: Float32Array, bits: Float32Array, outputs: number): Calibration {
  const fitted = Array.from({ length: outputs }, (_, label) => {
    const [scores, labels] = [columnOf(logits, outputs, label), labelBit(bits, label)];
    const { slope, intercept } = fitPlattScaling(scores, labels);
    const probabilities = applyCalibration({ kind: 'platt', slope, intercept }, scores, 1);
    return { slope, intercept, threshold: bestF1Threshold(probabilities, labels).threshold };
  });
  return {
    kind: 'labels',
    slopes: fitted.map(({ slope }) => slope),
    intercepts: fitted.map(({ intercept }) => intercept),
    thresholds: fitted.map(({ threshold }) => threshold),
  };
}

/** @returns of a multilabel target, the probability of each label from which on a row is said to have it */
export function thresholdsOf(calibration: Calibration): readonly number[] | undefined {
  return calibration.kind === 'labels' ? calibration.thresholds : undefined;
}

/** Standardized target = (value − mean) / scale; a constant target has scale 1. */
export function targetScaling(trainingPrior: readonly number[]): { mean: number; scale: number } {
  const [mean, standardDeviation] = trainingPrior;
  return { mean, scale: standardDeviation > 0 ? standardDeviation : 1 };
}

/**
 * The same arithmetic as in the exported graph.
 *
 * @param logits shape [N, outputs]
 * @returns binary: probability of the positive class, shape [N]; multiclass, multilabel: probabilities, shape [N, outputs];
 *   regression: the value, shape [N], or its quantiles, ascending, shape [N, outputs]
 */
export function applyCalibration(calibration: Calibration, logits: Float32Array, outputs: number): Float32Array {
  const predictions = new Float32Array(logits.length);
  switch (calibration.kind) {
    case 'platt':
      for (let row = 0; row < logits.length; row++) {
        predictions[row] = 1 / (1 + Math.exp(-(calibration.slope * logits[row] + calibration.intercept)));
      }
      break;
    case 'labels':
      for (let i = 0; i < logits.length; i++) {
        const label = i % outputs;
        predictions[i] = 1 / (1 + Math.exp(-(calibration.slopes[label] * logits[i] + calibration.intercepts[label])));
      }
      break;
    case 'standardization':
      for (let row = 0; row < logits.length; row++) predictions[row] = logits[row] * calibration.scale + calibration.mean;
      // Sorting makes no quantile worse: Chernozhukov et al. 2010, "Quantile and Probability Curves Without Crossing".
      if (calibration.quantiles) for (let at = 0; at < predictions.length; at += outputs) predictions.subarray(at, at + outputs).sort();
      break;
    case 'temperature': {
      const shifted = calibration.offsets ? withoutOffsets(logits, calibration.offsets) : logits;
      for (let at = 0; at < logits.length; at += outputs) {
        let max = -Infinity;
        for (let k = 0; k < outputs; k++) max = Math.max(max, shifted[at + k]);
        let sum = 0;
        for (let k = 0; k < outputs; k++) sum += Math.exp(calibration.scale * (shifted[at + k] - max));
        for (let k = 0; k < outputs; k++) predictions[at + k] = Math.exp(calibration.scale * (shifted[at + k] - max)) / sum;
      }
      break;
    }
  }
  return predictions;
}

function withoutOffsets(logits: Float32Array, offsets: readonly number[]): Float32Array {
  return logits.map((logit, i) => logit - offsets[i % offsets.length]);
}

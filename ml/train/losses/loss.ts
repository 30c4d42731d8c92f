import * as tf from '@tensorflow/tfjs-core';
import type { LossSpec } from '../../../contracts/pipeline.js';
import type { NetworkPlan } from '../engine.js';
import { labelsOfBits } from './label-loss.js';
import { pinballLoss } from './pinball-loss.js';
import { huberLoss } from './regression-loss.js';
import { softClassLoss } from './soft-class-loss.js';

export type LossOptions = Pick<NetworkPlan, 'task' | 'classWeights' | 'loss' | 'labelSmoothing'>;

/** What the rows of a mini-batch are compared with. */
export interface BatchTarget {
  /** [B]: 0/1, index of the class, or the value */
  readonly target: tf.Tensor1D;
  /** Where rows are mixed: the targets of the other rows [B], and the share of the own one [B] in [0, 1]. */
  readonly mixed?: { readonly partner: tf.Tensor1D; readonly share: tf.Tensor1D };
}

/** Losses whose mean is to be made small: Σ losses / Σ weights, or where there are no weights the mean over the elements. */
interface WeightedLosses {
  readonly losses: tf.Tensor;
  readonly weights?: tf.Tensor;
}

/**
 * Mean loss of a mini-batch; differentiable in the logits.
 *
 * Binary: sigmoid cross-entropy; multilabel: the same of each label, log(1 + eˣ) − z·x; multiclass: softmax cross-entropy, both optionally focal; regression: squared, Huber's or absolute
 * error, or the pinball loss of several quantiles. With class weights it is the weighted mean Σ wᵢ lᵢ / Σ wᵢ, so its size does not depend on which classes the batch drew.
 * A label that is smoothed or mixed counts as several, each with its share.
 *
 * @param logits [B, outputs]
 * @returns [] float32
 */
export function trainingLoss(options: LossOptions, logits: tf.Tensor2D, batch: BatchTarget): tf.Scalar {
  const { losses, weights } = lossesOf(options, logits, batch);
  return weights ? tf.div(tf.sum(losses), tf.sum(weights)) : tf.mean(losses);
}

/**
 * The same of some rows of a mini-batch, undivided: the mean loss of the whole is the sum of its parts' totals by that of their weights.
 *
 * @returns [] float32 each; the weight does not depend on the logits
 */
export function summedLoss(options: LossOptions, logits: tf.Tensor2D, batch: BatchTarget): { total: tf.Scalar; weight: tf.Scalar } {
  const { losses, weights } = lossesOf(options, logits, batch);
  return { total: tf.sum(losses), weight: weights ? tf.sum(weights) : tf.scalar(losses.size) };
}

function lossesOf(options: LossOptions, logits: tf.Tensor2D, batch: BatchTarget): WeightedLosses {
  const { task, classWeights, loss, labelSmoothing } = options;
  if (loss?.kind === 'quantile') return { losses: pinballLoss(logits, mixedTarget(batch), loss.quantiles) };
  if (task === 'regression') return { losses: valueLosses(loss, tf.reshape(logits, [-1]), batch) };
  if (task === 'multilabel') return { losses: labelLosses(logits, batch) };
  if (batch.mixed || labelSmoothing || loss?.kind === 'focal') return softLosses(options, logits, batch);
  const losses = hardLosses(task, logits, batch.target); // [B]
  if (!classWeights) return { losses };
  const weights = tf.gather(tf.tensor1d([...classWeights]), tf.cast(batch.target, 'int32')); // [B]
  return { losses: tf.mul(losses, weights), weights };
}

/** Of rows and labels, each label's own cross-entropy. @returns [B, labels] */
function labelLosses(logits: tf.Tensor2D, { target, mixed }: BatchTarget): tf.Tensor2D {
  const labels = logits.shape[1];
  const own = labelsOfBits(target, labels); // [B, labels]
  const shares = mixed ? mix(own, labelsOfBits(mixed.partner, labels), tf.reshape(mixed.share, [-1, 1])) : own; // [B, labels]
  return tf.sub(tf.softplus(logits), tf.mul(shares, logits));
}

function mixedTarget({ target, mixed }: BatchTarget): tf.Tensor1D {
  return mixed ? mix(target, mixed.partner, mixed.share) : target; // [B]
}

function valueLosses(loss: LossSpec | undefined, values: tf.Tensor1D, batch: BatchTarget): tf.Tensor1D {
  const errors: tf.Tensor1D = tf.sub(values, mixedTarget(batch)); // [B]
  if (loss?.kind === 'absolute') return tf.abs(errors);
  return loss?.kind === 'huber' ? huberLoss(errors, loss.delta) : tf.square(errors);
}

function hardLosses(task: 'binary' | 'multiclass', logits: tf.Tensor2D, target: tf.Tensor1D): tf.Tensor1D {
  return task === 'binary'
    ? sigmoidCrossEntropy(tf.reshape(logits, [-1]), target)
    : softmaxCrossEntropy(logits, tf.oneHot(tf.cast(target, 'int32'), logits.shape[1]));
}

/** Each row's label as shares of the classes. */
function softLosses(options: LossOptions, logits: tf.Tensor2D, { target, mixed }: BatchTarget): WeightedLosses {
  const { classWeights, loss, labelSmoothing } = options;
  const classes = options.task === 'binary' ? 2 : logits.shape[1];
  // The wasm backend fills integers into a float one-hot, so it is cast.
  const oneHot = (labels: tf.Tensor1D) => tf.cast(tf.oneHot(tf.cast(labels, 'int32'), classes), 'float32'); // [B, classes]
  let shares = oneHot(target);
  if (mixed) shares = mix(shares, oneHot(mixed.partner), tf.reshape(mixed.share, [-1, 1]));
  if (labelSmoothing) shares = tf.add(tf.mul(shares, 1 - labelSmoothing), labelSmoothing / classes);
  const weights = classWeights ? tf.mul(shares, tf.tensor1d([...classWeights])) : shares; // [B, classes]
  const { gamma = 0, alpha } = loss?.kind === 'focal' ? loss : {};
  const balanced = alpha === undefined ? weights : tf.mul(weights, tf.tensor1d([1 - alpha, alpha])); // [B, classes]
  const losses = softClassLoss(logits, balanced as tf.Tensor2D, gamma); // [B]
  return classWeights ? { losses, weights } : { losses };
}

/** share · a + (1 − share) · b */
export function mix<T extends tf.Tensor>(a: T, b: T, share: tf.Tensor): T {
  return tf.add(b, tf.mul(share, tf.sub(a, b)));
}

/** log(1 + exp(∓x)) for labels 1 and 0, which does not overflow; its gradient σ(x) − z is given, so no cancellation enters. */
function sigmoidCrossEntropy(logits: tf.Tensor1D, labels: tf.Tensor1D): tf.Tensor1D {
  const op = tf.customGrad((x, z, save) => {
    const [x1, z1, saveTensors] = [x as tf.Tensor, z as tf.Tensor, save as tf.GradSaveFunc];
    saveTensors([x1, z1]);
    const sign = tf.sub(1, tf.mul(z1, 2)); // [B]: 1 for label 0, −1 for label 1
    return {
      value: tf.softplus(tf.mul(x1, sign)), // [B]
      gradFunc: (dy: tf.Tensor, [logit, label]: tf.Tensor[]) => [tf.mul(dy, tf.sub(tf.sigmoid(logit), label)), tf.zerosLike(label)],
    };
  });
  return op(logits, labels) as tf.Tensor1D;
}

/** log Σ exp(xⱼ) − x_label; the gradient is softmax(x) − labels. */
function softmaxCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor): tf.Tensor1D {
  const op = tf.customGrad((x, z, save) => {
    const [x1, z1, saveTensors] = [x as tf.Tensor2D, tf.cast(z as tf.Tensor2D, 'float32'), save as tf.GradSaveFunc];
    saveTensors([x1, z1]);
    const shifted = tf.sub(x1, tf.max(x1, 1, true)); // [B, C]
    const value = tf.sub(tf.log(tf.sum(tf.exp(shifted), 1)), tf.sum(tf.mul(shifted, z1), 1)); // [B]
    return {
      value,
      gradFunc: (dy: tf.Tensor, [logit, label]: tf.Tensor[]) => [
        tf.mul(tf.expandDims(dy, 1), tf.sub(tf.softmax(logit), label)),
        tf.zerosLike(label),
      ],
    };
  });
  return op(logits, labels) as tf.Tensor1D;
}

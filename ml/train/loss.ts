import * as tf from '@tensorflow/tfjs-core';
import type { Task } from '../../contracts/pipeline.js';

/**
 * Mean loss of a mini-batch; differentiable in the logits.
 *
 * Binary: sigmoid cross-entropy; multiclass: softmax cross-entropy; regression: squared error. With class weights it is the weighted
 * mean Σ wᵢ lᵢ / Σ wᵢ, so its size does not depend on which classes the batch drew.
 *
 * @param logits [B, outputs]
 * @param target [B]: 0/1, index of the class, or the value
 * @param classWeights by class; regression has none
 * @returns [] float32
 */
export function trainingLoss(task: Task, logits: tf.Tensor2D, target: tf.Tensor1D, classWeights?: readonly number[]): tf.Scalar {
  const losses = rowLosses(task, logits, target); // [B]
  if (!classWeights || task === 'regression') return tf.mean(losses);
  const weights = tf.gather(tf.tensor1d([...classWeights]), tf.cast(target, 'int32')); // [B]
  return tf.div(tf.sum(tf.mul(losses, weights)), tf.sum(weights));
}

function rowLosses(task: Task, logits: tf.Tensor2D, target: tf.Tensor1D): tf.Tensor1D {
  switch (task) {
    case 'binary':
      return sigmoidCrossEntropy(tf.reshape(logits, [-1]), target);
    case 'multiclass':
      return softmaxCrossEntropy(logits, tf.oneHot(tf.cast(target, 'int32'), logits.shape[1]));
    case 'regression':
      return tf.square(tf.sub(tf.reshape(logits, [-1]), target));
  }
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

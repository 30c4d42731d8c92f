import * as tf from '@tensorflow/tfjs-core';

/** Keeps 1 − p positive, so that nothing is divided by zero; its power is zero all the same. */
const tiny = 1e-30;

/**
 * Cross-entropy of labels that are spread over classes, optionally focal: Σₖ Wₖ (1 − pₖ)^gamma (−log pₖ) for each row.
 *
 * Value and gradient are written out, so that neither overflows for logits of any size; the gradient is with respect to the logits alone.
 *
 * @param logits [B, outputs]; one output is the logit of the positive of two classes
 * @param weights weight of each class in each row, ≥ 0, [B, classes]
 * @param gamma 0 = plain cross-entropy
 * @returns [B]
 * @see Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 4
 */
export function softClassLoss(logits: tf.Tensor2D, weights: tf.Tensor2D, gamma: number): tf.Tensor1D {
  return logits.shape[1] === 1 ? twoClassLoss(logits, weights, gamma) : manyClassLoss(logits, weights, gamma);
}

function twoClassLoss(logits: tf.Tensor2D, weights: tf.Tensor2D, gamma: number): tf.Tensor1D {
  const op = tf.customGrad((logit, weight, save) => {
    const [x, w, saveTensors] = [logit as tf.Tensor2D, weight as tf.Tensor2D, save as tf.GradSaveFunc];
    saveTensors([x, w]);
    const margins = classMargins(x); // [B, 2]
    const losses = tf.softplus(tf.neg(margins)); // −log p, [B, 2]
    return {
      value: tf.sum(tf.mul(w, gamma === 0 ? losses : tf.mul(powerOfComplement(margins, gamma), losses)), 1), // [B]
      gradFunc: (dy: tf.Tensor, [x1, w1]: tf.Tensor[]) => {
        const slopes = tf.mul(w1, marginSlopes(classMargins(x1 as tf.Tensor2D), gamma)); // [B, 2]
        const [negative, positive] = tf.split(slopes, 2, 1); // [B, 1] each
        return [tf.mul(tf.reshape(dy, [-1, 1]), tf.sub(positive, negative)), tf.zerosLike(w1)];
      },
    };
  });
  return op(logits, weights) as tf.Tensor1D;
}

/** How far the logit speaks for each class: [B, 1] → [B, 2]. */
function classMargins(logits: tf.Tensor2D): tf.Tensor2D {
  return tf.concat([tf.neg(logits), logits], 1);
}

/** (1 − σ(m))^gamma = exp(−gamma · log(1 + eᵐ)), which loses no digits where σ is near 1. */
function powerOfComplement(margins: tf.Tensor2D, gamma: number): tf.Tensor2D {
  return tf.exp(tf.mul(tf.softplus(margins), -gamma));
}

/** d/dm (1 − σ(m))^gamma (−log σ(m)) = −(1 − σ)^gamma (gamma σ (−log σ) + 1 − σ) */
function marginSlopes(margins: tf.Tensor2D, gamma: number): tf.Tensor2D {
  const complement = tf.sigmoid(tf.neg(margins)); // 1 − p, [B, 2]
  if (gamma === 0) return tf.neg(complement);
  const focus = tf.mul(tf.mul(tf.sigmoid(margins), tf.softplus(tf.neg(margins))), gamma); // [B, 2]
  return tf.neg(tf.mul(powerOfComplement(margins, gamma), tf.add(focus, complement)));
}

function manyClassLoss(logits: tf.Tensor2D, weights: tf.Tensor2D, gamma: number): tf.Tensor1D {
  const op = tf.customGrad((logit, weight, save) => {
    const [x, w, saveTensors] = [logit as tf.Tensor2D, weight as tf.Tensor2D, save as tf.GradSaveFunc];
    saveTensors([x, w]);
    const logs = logSoftmax(x); // [B, C]
    const factors = gamma === 0 ? w : tf.mul(w, tf.pow(complementOf(logs), gamma)); // [B, C]
    return {
      value: tf.neg(tf.sum(tf.mul(factors, logs), 1)), // [B]
      gradFunc: (dy: tf.Tensor, [x1, w1]: tf.Tensor[]) => {
        const ofLogs = logSoftmax(x1 as tf.Tensor2D); // [B, C]
        const slopes = tf.mul(w1, logSlopes(ofLogs, gamma)); // d loss / d log p, [B, C]
        const gradient = tf.sub(slopes, tf.mul(tf.exp(ofLogs), tf.sum(slopes, 1, true))); // [B, C]
        return [tf.mul(tf.expandDims(dy, 1), gradient), tf.zerosLike(w1)];
      },
    };
  });
  return op(logits, weights) as tf.Tensor1D;
}

/** [B, C] → [B, C], no element above 0 */
function logSoftmax(logits: tf.Tensor2D): tf.Tensor2D {
  const shifted = tf.sub(logits, tf.max(logits, 1, true)); // [B, C]
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}

/** 1 − eˣ for x ≤ 0, exact near zero. */
function complementOf(logs: tf.Tensor2D): tf.Tensor2D {
  return tf.maximum(tf.neg(tf.expm1(logs)), tiny);
}

/** d/du −(1 − eᵘ)^gamma u = (1 − p)^gamma (gamma p u / (1 − p) − 1), p = eᵘ */
function logSlopes(logs: tf.Tensor2D, gamma: number): tf.Tensor {
  if (gamma === 0) return tf.scalar(-1);
  const complement = complementOf(logs); // [B, C]
  const focus = tf.mul(tf.div(tf.mul(tf.exp(logs), logs), complement), gamma); // [B, C]
  return tf.mul(tf.pow(complement, gamma), tf.sub(focus, 1));
}

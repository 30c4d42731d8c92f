import * as tf from '@tensorflow/tfjs-core';

/**
 * Mean pinball loss of each row: max(τ · e, (τ − 1) · e), e = target − prediction. Its minimum over all predictions is the
 * quantile τ of the target.
 *
 * @param predictions [B, quantiles]
 * @param target [B]
 * @param quantiles each in (0, 1)
 * @returns [B]
 * @see Koenker and Bassett 1978, "Regression Quantiles"
 */
export function pinballLoss(predictions: tf.Tensor2D, target: tf.Tensor1D, quantiles: readonly number[]): tf.Tensor1D {
  const shares = tf.tensor1d([...quantiles]); // [quantiles]
  const errors = tf.sub(tf.reshape(target, [-1, 1]), predictions); // [B, quantiles]
  return tf.mean(tf.maximum(tf.mul(errors, shares), tf.mul(errors, tf.sub(shares, 1))), 1); // [B]
}

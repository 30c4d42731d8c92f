import * as tf from '@tensorflow/tfjs-core';

/**
 * The labels that the bits of a row's number stand for; exact, since a float32 holds 24 bits.
 *
 * @param target [B]
 * @returns 0 or 1, [B, labels]
 */
export function labelsOfBits(target: tf.Tensor1D, labels: number): tf.Tensor2D {
  const powers = tf.tensor1d(Array.from({ length: labels }, (_, label) => 2 ** label)); // [labels]
  const shifted = tf.floor(tf.div(tf.reshape(target, [-1, 1]), powers)); // [B, labels]
  return tf.sub(shifted, tf.mul(tf.floor(tf.mul(shifted, 0.5)), 2)); // [B, labels]
}

import * as tf from '@tensorflow/tfjs-core';
import { randomUniform } from '../../graph/random-uniform-kernel.js';

/**
 * Normal random numbers of a training step.
 *
 * @param keys of all streams, int32 [2S]
 * @returns mean 0, variance 1; shape [rows, columns]
 * @see Box and Muller 1958, "A Note on the Generation of Random Normal Deviates"
 */
export function randomNormal(keys: tf.Tensor1D, stream: number, [rows, columns]: readonly [number, number]): tf.Tensor2D {
  const pairs = Math.ceil(columns / 2);
  const [u, v] = tf.split(randomUniform(keys, stream, [rows, 2 * pairs]), 2, 1); // [rows, pairs] each
  // 1 − u is never 0.
  const radius = tf.sqrt(tf.mul(tf.log(tf.sub(1, u)), -2));
  const angle = tf.mul(v, 2 * Math.PI);
  const normals = tf.concat([tf.mul(radius, tf.cos(angle)), tf.mul(radius, tf.sin(angle))], 1) as tf.Tensor2D; // [rows, 2 · pairs]
  return tf.slice(normals, [0, 0], [rows, columns]);
}

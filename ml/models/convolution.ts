import * as tf from '@tensorflow/tfjs-core';
import { heUniform, zeros } from './initializer.js';
import type { NetworkBuilder, ParameterReader } from './network.js';

/** x [N, H, W, inputs] → [N, H / 2, W / 2, filters] */
export type ImageLayer = (read: ParameterReader, x: tf.Tensor4D) => tf.Tensor4D;

/**
 * A convolution that keeps the image's size, a rectifier, and the largest of each 2 × 2 elements.
 *
 * Parameters `<name>/kernel` [size, size, inputs, filters] and `<name>/bias` [filters].
 */
export function addPooledConvolution(builder: NetworkBuilder, name: string, size: number, inputs: number, filters: number): ImageLayer {
  const kernel = builder.parameter(`${name}/kernel`, [size, size, inputs, filters], heUniform(size * size * inputs));
  const bias = builder.parameter(`${name}/bias`, [filters], zeros);
  return (read, x) =>
    tf.tidy(name, () => {
      const sum = tf.add(tf.conv2d(x, read(kernel) as tf.Tensor4D, 1, 'same'), read(bias)); // [N, H, W, filters]
      return tf.maxPool(tf.relu(sum) as tf.Tensor4D, 2, 2, 'valid'); // [N, H / 2, W / 2, filters]
    });
}

import * as tf from '@tensorflow/tfjs-core';
import { type Activation, activate } from './activation.js';
import { glorotUniform, heUniform, ones, zeros } from './initializer.js';
import type { NetworkBuilder, ParameterReader } from './network.js';

/** x [N, H, W, inputs] → [N, H', W', filters] */
export type ImageLayer = (read: ParameterReader, x: tf.Tensor4D) => tf.Tensor4D;

export interface ConvolutionOptions {
  /** Height and width of a filter. */
  readonly kernelSize: number;
  readonly activation: Activation;
  /** `layer`: each image's sums are brought to mean 0 and variance 1 before the activation. */
  readonly normalization?: 'none' | 'layer';
  /** Each 2 × 2 elements become their largest or their mean; a last odd row or column is left out. */
  readonly pool: 'max' | 'average' | 'none';
}

/**
 * A convolution that keeps the image's size, an activation, and a pooling.
 *
 * Parameters `<name>/kernel` [size, size, inputs, filters] and `<name>/bias` [filters].
 */
export function addConvolution(
  builder: NetworkBuilder,
  name: string,
  { kernelSize, activation, normalization, pool }: ConvolutionOptions,
  inputs: number,
  filters: number,
): ImageLayer {
  const area = kernelSize * kernelSize;
  const isRectified = activation === 'relu' || activation === 'elu';
  const initial = isRectified ? heUniform(area * inputs) : glorotUniform(area * inputs, area * filters);
  const kernel = builder.parameter(`${name}/kernel`, [kernelSize, kernelSize, inputs, filters], initial);
  const bias = builder.parameter(`${name}/bias`, [filters], zeros);
  const normalize = normalization === 'layer' ? addImageNormalization(builder, name, filters) : undefined;
  return (read, x) =>
    tf.tidy(name, () => {
      const sum: tf.Tensor4D = tf.add(tf.conv2d(x, read(kernel) as tf.Tensor4D, 1, 'same'), read(bias)); // [N, H, W, filters]
      const active = activate(activation, normalize ? normalize(read, sum) : sum); // [N, H, W, filters]
      if (pool === 'none') return active;
      return pool === 'max' ? tf.maxPool(active, 2, 2, 'valid') : tf.avgPool(active, 2, 2, 'valid'); // [N, ⌊H / 2⌋, ⌊W / 2⌋, filters]
    });
}

/**
 * Each image to mean 0 and variance 1, then times `<name>/scale` [filters] plus `<name>/shift` [filters].
 *
 * @see Ba et al. 2016, "Layer Normalization"; Wu and He 2018, "Group Normalization", with one group
 */
function addImageNormalization(builder: NetworkBuilder, name: string, filters: number): ImageLayer {
  const scale = builder.parameter(`${name}/scale`, [filters], ones);
  const shift = builder.parameter(`${name}/shift`, [filters], zeros);
  return (read, x) => {
    const centered = tf.sub(x, tf.mean(x, [1, 2, 3], true)); // [N, H, W, filters]
    const variance = tf.mean(tf.square(centered), [1, 2, 3], true); // [N, 1, 1, 1]
    const normal = tf.mul(centered, tf.rsqrt(tf.add(variance, 1e-5))); // [N, H, W, filters]
    return tf.add(tf.mul(normal, read(scale)), read(shift)); // [N, H, W, filters]
  };
}

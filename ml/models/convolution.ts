import * as tf from '@tensorflow/tfjs-core';
import { type Activation, activate } from './activation.js';
import { addBatchNormalization } from './batch-normalization.js';
import { initialWeights } from './dense.js';
import { ones, zeros } from './initializer.js';
import type { NetworkBuilder, ParameterReader, TrainingPass } from './network.js';

/** x [N, H, W, inputs] → [N, H', W', filters] */
export type ImageLayer = (read: ParameterReader, x: tf.Tensor4D, training?: TrainingPass) => tf.Tensor4D;

export interface ConvolutionOptions {
  /** Height and width of a filter. */
  readonly kernelSize: number;
  readonly activation: Activation;
  /** What is brought to mean 0 and variance 1 before the activation: each image's sums, or each filter's over the mini-batch. */
  readonly normalization?: 'none' | 'layer' | 'batch';
  /** `separable`: a filter for each channel, then 1 × 1 filters over all of them. */
  readonly convolution?: 'full' | 'separable';
  /** Each 2 × 2 elements become their largest or their mean; a last odd row or column is left out. */
  readonly pool: 'max' | 'average' | 'none';
}

/**
 * A convolution that keeps the image's size, an activation, and a pooling.
 *
 * Parameters `<name>/kernel` [size, size, inputs, filters], or of a separable one `<name>/depthwise` [size, size, inputs, 1] and
 * `<name>/pointwise` [1, 1, inputs, filters]; and, unless it is batch-normalized, `<name>/bias` [filters].
 *
 * @see Howard et al. 2017, "MobileNets", for the separable one, here without an activation between its two parts
 */
export function addConvolution(
  builder: NetworkBuilder,
  name: string,
  options: ConvolutionOptions,
  inputs: number,
  filters: number,
): ImageLayer {
  const { activation, normalization, pool } = options;
  const convolve = addFilters(builder, name, options, inputs, filters);
  // A batch normalization would take it away.
  const bias = normalization === 'batch' ? undefined : builder.parameter(`${name}/bias`, [filters], zeros);
  const normalize = addNormalization(builder, name, filters, normalization);
  return (read, x, training) =>
    tf.tidy(name, () => {
      const filtered = convolve(read, x); // [N, H, W, filters]
      const sum: tf.Tensor4D = bias === undefined ? filtered : tf.add(filtered, read(bias)); // [N, H, W, filters]
      const active = activate(activation, normalize ? normalize(read, sum, training) : sum); // [N, H, W, filters]
      if (pool === 'none') return active;
      return pool === 'max' ? tf.maxPool(active, 2, 2, 'valid') : tf.avgPool(active, 2, 2, 'valid'); // [N, ⌊H / 2⌋, ⌊W / 2⌋, filters]
    });
}

function addFilters(
  builder: NetworkBuilder,
  name: string,
  { kernelSize, activation, convolution }: ConvolutionOptions,
  inputs: number,
  filters: number,
): ImageLayer {
  const area = kernelSize * kernelSize;
  if (convolution !== 'separable') {
    const initial = initialWeights(activation, area * inputs, area * filters);
    const kernel = builder.parameter(`${name}/kernel`, [kernelSize, kernelSize, inputs, filters], initial);
    return (read, x) => tf.conv2d(x, read(kernel) as tf.Tensor4D, 1, 'same'); // [N, H, W, filters]
  }
  const depthwise = builder.parameter(`${name}/depthwise`, [kernelSize, kernelSize, inputs, 1], initialWeights(undefined, area, area));
  const pointwise = builder.parameter(`${name}/pointwise`, [1, 1, inputs, filters], initialWeights(activation, inputs, filters));
  return (read, x) => {
    const each = tf.depthwiseConv2d(x, read(depthwise) as tf.Tensor4D, 1, 'same'); // [N, H, W, inputs]
    return tf.conv2d(each, read(pointwise) as tf.Tensor4D, 1, 'valid'); // [N, H, W, filters]
  };
}

function addNormalization(
  builder: NetworkBuilder,
  name: string,
  filters: number,
  kind: ConvolutionOptions['normalization'],
): ImageLayer | undefined {
  if (kind === 'layer') return addImageNormalization(builder, name, filters);
  return kind === 'batch' ? addBatchNormalization<tf.Tensor4D>(builder, name, filters, [0, 1, 2]) : undefined;
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

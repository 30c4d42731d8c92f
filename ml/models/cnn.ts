import * as tf from '@tensorflow/tfjs-core';
import { addAffine } from './dense.js';
import { type ImageLayer, addPooledConvolution } from './convolution.js';
import { type Network, NetworkBuilder } from './network.js';

export interface CnnOptions {
  /** Height, width, channels; a row of the numeric matrix is one image, channels last. */
  readonly image: readonly [number, number, number];
  /** Filters of each convolution; a pooling halves the image after each. */
  readonly filters: readonly number[];
  /** Height and width of a filter. */
  readonly filterSize: number;
}

/** Convolutions with pooling, then a dense layer. No family of the pipeline yet: nothing ingests images. */
export function buildCnn({ image, filters, filterSize }: CnnOptions, outputs: number, seed: number): Network {
  const [height, width, channels] = image;
  const layout = { categorical: [], numeric: Array.from({ length: height * width * channels }, (_, i) => `pixel_${i}`) };
  const builder = new NetworkBuilder(layout, outputs);
  let [pooledHeight, pooledWidth] = [height, width];
  const layers = filters.map((count, i): ImageLayer => {
    [pooledHeight, pooledWidth] = [Math.floor(pooledHeight / 2), Math.floor(pooledWidth / 2)];
    return addPooledConvolution(builder, `convolution_${i}`, filterSize, i === 0 ? channels : filters[i - 1], count);
  });
  const flat = pooledHeight * pooledWidth * (filters.at(-1) ?? channels);
  const logits = addAffine(builder, 'logits', flat, outputs);
  return builder.build(seed, (read, { numeric }) => {
    const images: tf.Tensor4D = tf.reshape(numeric!, [-1, height, width, channels]);
    const features = layers.reduce((x, layer) => layer(read, x), images); // [N, pooledHeight, pooledWidth, filters]
    return logits(read, tf.reshape(features, [-1, flat])); // [N, outputs]
  });
}

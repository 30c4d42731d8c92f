import * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelSpec } from '../../contracts/pipeline.js';
import { addConvolution } from './convolution.js';
import { addDenseStack } from './dense.js';
import { addEmbeddings } from './embedding.js';
import { concatColumns } from './mlp.js';
import { type Network, NetworkBuilder } from './network.js';

export type CnnOptions = Omit<Extract<ModelSpec, { family: 'cnn' }>, 'family'>;

/**
 * Convolutions with pooling over the image, then dense layers over what they found, beside the embeddings of the categories
 * and the numbers, if there are any.
 *
 * @throws AnnealError `InvalidModel` when the layout has no image, or it is too small to be halved after each convolution
 */
export function buildCnn(options: CnnOptions, layout: FeatureLayout, outputs: number, seed: number): Network {
  const { image } = layout;
  if (!image) throw invalid('The model is a cnn, and the feature layout has no image. Add a feature of kind "image".');
  const { filters, pool, globalPooling } = options;
  const builder = new NetworkBuilder(layout, outputs);
  let { height, width } = image;
  const layers = filters.map((count, i) => {
    // Filters of single channels could not mix the colours of an image, and save next to nothing there.
    const kind = i === 0 ? { ...options, convolution: 'full' as const } : options;
    const layer = addConvolution(builder, `convolution_${i}`, kind, i === 0 ? image.channels : filters[i - 1], count);
    builder.makesImage(height * width * count);
    if (pool !== 'none') [height, width] = [Math.floor(height / 2), Math.floor(width / 2)];
    return layer;
  });
  if (height === 0 || width === 0)
    throw invalid(
      `The model halves an image of ${image.height} × ${image.width} ${filters.length} times, and nothing is left. Name fewer filters in model.filters, or set model.pool to "none".`,
    );
  const flat = (globalPooling ? 1 : height * width) * (filters.at(-1) ?? image.channels);
  const embeddings = addEmbeddings(builder, { scale: 1, extra: 0, initial: 'vectors' });
  const head = addDenseStack(builder, flat + embeddings.width + layout.numeric.length, options, outputs);
  return builder.build(seed, (read, inputs, training) => {
    const found = layers.reduce((x, layer) => layer(read, x, training), inputs.image!); // [N, height, width, filters]
    const row: tf.Tensor2D = globalPooling ? tf.mean(found, [1, 2]) : tf.reshape(found, [-1, flat]); // [N, flat]
    const { vectors } = embeddings.lookUp(read, inputs); // [N, dimension] each
    return head(read, concatColumns([row, ...vectors, ...(inputs.numeric ? [inputs.numeric] : [])]), training); // [N, outputs]
  });
}

function invalid(message: string): AnnealError {
  return new AnnealError(failureTypes.invalidModel, message);
}

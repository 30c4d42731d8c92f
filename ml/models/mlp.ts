import * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { type HiddenLayers, addDenseStack } from './dense.js';
import { addEmbeddings } from './embedding.js';
import { type Network, NetworkBuilder } from './network.js';

/** Embeddings of the categories beside the numbers, then dense layers. */
export function buildMlp(options: HiddenLayers, layout: FeatureLayout, outputs: number, seed: number): Network {
  const builder = new NetworkBuilder(layout, outputs);
  const embeddings = addEmbeddings(builder, { scale: 1, extra: 0, initial: 'vectors' });
  const stack = addDenseStack(builder, embeddings.width + layout.numeric.length, options, outputs);
  return builder.build(seed, (read, inputs, training) => {
    const { vectors } = embeddings.lookUp(read, inputs); // [N, dimension] each
    return stack(read, concatColumns(inputs.numeric ? [...vectors, inputs.numeric] : vectors), training); // [N, outputs]
  });
}

/** A single tensor passes through: a concatenation of one would copy it. */
export function concatColumns(columns: tf.Tensor2D[]): tf.Tensor2D {
  return columns.length === 1 ? columns[0] : tf.concat(columns, 1);
}

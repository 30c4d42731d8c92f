import * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { type HiddenLayers, addDenseStack } from './dense.js';
import { addEmbeddings } from './embedding.js';
import { glorotUniform } from './initializer.js';
import { concatColumns } from './mlp.js';
import { type Network, NetworkBuilder } from './network.js';

export interface WideAndDeepOptions extends HiddenLayers {
  readonly embeddingScale: number;
}

/**
 * A linear model (wide) and a network on embeddings (deep), added up in the logits.
 *
 * A category's wide weights are the last `outputs` columns of its embedding table.
 *
 * @see Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"
 */
export function buildWideAndDeep(options: WideAndDeepOptions, layout: FeatureLayout, outputs: number, seed: number): Network {
  const builder = new NetworkBuilder(layout, outputs);
  const embeddings = addEmbeddings(builder, { scale: options.embeddingScale, extra: outputs, initial: 'vectors' });
  const numbers = layout.numeric.length;
  const deep = addDenseStack(builder, embeddings.width + numbers, options, outputs);
  if (numbers > 0) builder.parameter('wide/kernel', [numbers, outputs], glorotUniform(numbers, outputs));
  return builder.build(seed, (read, inputs, training) => {
    const { vectors, extra: wide } = embeddings.lookUp(read, inputs); // [N, dimension], [N, outputs] each
    const { numeric } = inputs;
    if (numeric) wide.push(tf.tidy('wide', () => tf.matMul(numeric, read('wide/kernel') as tf.Tensor2D))); // [N, outputs]
    const logits = deep(read, concatColumns(numeric ? [...vectors, numeric] : vectors), training); // [N, outputs]
    return wide.reduce((sum, term) => tf.add(sum, term), logits); // [N, outputs]
  });
}

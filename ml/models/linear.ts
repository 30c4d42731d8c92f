import * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { addEmbeddings } from './embedding.js';
import { glorotUniform, zeros } from './initializer.js';
import { type Network, NetworkBuilder } from './network.js';

/** Logistic, softmax or linear regression: a weight per category and output, plus a dense layer on the numbers. */
export function buildLinear(layout: FeatureLayout, outputs: number, seed: number): Network {
  const builder = new NetworkBuilder(
    { ...layout, categorical: layout.categorical.map(({ name, size }) => ({ name, size, dimension: outputs })) },
    outputs,
  );
  const weights = addEmbeddings(builder, { scale: 1, extra: 0, initial: 'zeros' });
  const numbers = layout.numeric.length;
  if (numbers > 0) builder.parameter('numeric/kernel', [numbers, outputs], glorotUniform(numbers, outputs));
  builder.parameter('bias', [outputs], zeros);
  return {
    ...builder.build(seed, (read, inputs) => {
      const terms: tf.Tensor2D[] = weights.lookUp(read, inputs).vectors; // [N, outputs] each
      if (inputs.numeric && numbers > 0) {
        const { numeric } = inputs;
        terms.push(tf.tidy('numeric', () => tf.matMul(numeric, read('numeric/kernel') as tf.Tensor2D))); // [N, outputs]
      }
      return tf.add(
        terms.reduce((sum, term) => tf.add(sum, term)),
        read('bias'),
      ); // [N, outputs]
    }),
    layout,
  };
}

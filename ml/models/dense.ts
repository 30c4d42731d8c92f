import * as tf from '@tensorflow/tfjs-core';
import { glorotUniform, heUniform, zeros } from './initializer.js';
import type { NetworkBuilder, ParameterReader } from './network.js';

export type Activation = 'relu' | 'tanh' | 'elu' | 'sigmoid';

const activations: Readonly<Record<Activation, (x: tf.Tensor2D) => tf.Tensor2D>> = {
  relu: (x) => tf.relu(x),
  tanh: (x) => tf.tanh(x),
  elu: (x) => tf.elu(x),
  sigmoid: (x) => tf.sigmoid(x),
};

/** x [N, inputs] → [N, units] */
export type Layer = (read: ParameterReader, x: tf.Tensor2D) => tf.Tensor2D;

/** activation(x · kernel + bias). Parameters `<name>/kernel` [inputs, units] and `<name>/bias` [units]. */
export function addDense(builder: NetworkBuilder, name: string, inputs: number, units: number, activation?: Activation): Layer {
  const rectified = activation === 'relu' || activation === 'elu';
  const kernel = builder.parameter(`${name}/kernel`, [inputs, units], rectified ? heUniform(inputs) : glorotUniform(inputs, units));
  const bias = builder.parameter(`${name}/bias`, [units], zeros);
  return (read, x) =>
    tf.tidy(name, () => {
      const sum: tf.Tensor2D = tf.add(tf.matMul(x, read(kernel) as tf.Tensor2D), read(bias)); // [N, units]
      return activation ? activations[activation](sum) : sum;
    });
}

/** Hidden layers, then a linear one of width `outputs`. */
export function addDenseStack(
  builder: NetworkBuilder,
  inputs: number,
  hidden: readonly number[],
  activation: Activation,
  outputs: number,
): Layer {
  const layers = hidden.map((units, i) => addDense(builder, `dense_${i}`, i === 0 ? inputs : hidden[i - 1], units, activation));
  layers.push(addDense(builder, 'logits', hidden.at(-1) ?? inputs, outputs));
  return (read, x) => layers.reduce((value, layer) => layer(read, value), x);
}

import * as tf from '@tensorflow/tfjs-core';
import { type Activation, activate, isRectifier } from './activation.js';
import { addBatchNormalization } from './batch-normalization.js';
import { glorotUniform, heUniform, type Initializer, lecunUniform, ones, zeros } from './initializer.js';
import type { NetworkBuilder, ParameterReader, TrainingPass } from './network.js';

/** x [N, inputs] → [N, units] */
export type Layer = (read: ParameterReader, x: tf.Tensor2D, training?: TrainingPass) => tf.Tensor2D;

/** What the hidden layers of a stack are; see the pipeline's contract. */
export interface HiddenLayers {
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly dropout?: number;
  readonly normalization?: 'none' | 'layer' | 'batch';
  readonly residual?: boolean;
}

/**
 * x · kernel + bias. Parameters `<name>/kernel` [inputs, units] and `<name>/bias` [units].
 *
 * @param isBiased false: there is no bias; a batch normalization after the sum would take it away
 */
export function addAffine(
  builder: NetworkBuilder,
  name: string,
  inputs: number,
  units: number,
  activation?: Activation,
  isBiased = true,
): Layer {
  const kernel = builder.parameter(`${name}/kernel`, [inputs, units], initialWeights(activation, inputs, units));
  const bias = isBiased ? builder.parameter(`${name}/bias`, [units], zeros) : undefined;
  return (read, x) =>
    tf.tidy(name, () => {
      const product: tf.Tensor2D = tf.matMul(x, read(kernel) as tf.Tensor2D); // [N, units]
      return bias === undefined ? product : tf.add(product, read(bias)); // [N, units]
    });
}

/** @param fanOut numbers that one input reaches */
export function initialWeights(activation: Activation | undefined, fanIn: number, fanOut: number): Initializer {
  if (activation === 'selu') return lecunUniform(fanIn);
  return isRectifier(activation) ? heUniform(fanIn) : glorotUniform(fanIn, fanOut);
}

/**
 * activation(normalize(x · kernel + bias)), with dropout, plus x where the layer is residual: straight, or through
 * `<name>/shortcut` [inputs, units] where the widths differ.
 *
 * @see He et al. 2016, "Deep Residual Learning for Image Recognition", equations 1 and 2
 * @see Srivastava et al. 2014, "Dropout"; the kept outputs are scaled in training, so nothing is left to do afterwards
 */
function addHidden(builder: NetworkBuilder, name: string, inputs: number, units: number, options: HiddenLayers): Layer {
  const affine = addAffine(builder, name, inputs, units, options.activation, options.normalization !== 'batch');
  const normalize = addNormalization(builder, name, units, options.normalization);
  const dropOut = builder.dropout(options.dropout ?? 0);
  const shortcut =
    options.residual && inputs !== units ? builder.parameter(`${name}/shortcut`, [inputs, units], glorotUniform(inputs, units)) : undefined;
  return (read, x, training) => {
    const sum = affine(read, x); // [N, units]
    return tf.tidy(name, () => {
      const active = activate(options.activation, normalize ? normalize(read, sum, training) : sum); // [N, units]
      const kept = dropOut(training, active); // [N, units]
      if (!options.residual) return kept;
      return tf.add(kept, shortcut === undefined ? x : tf.matMul(x, read(shortcut) as tf.Tensor2D)); // [N, units]
    });
  };
}

function addNormalization(builder: NetworkBuilder, name: string, units: number, kind: HiddenLayers['normalization']): Layer | undefined {
  if (kind === 'layer') return addLayerNormalization(builder, name, units);
  return kind === 'batch' ? addBatchNormalization<tf.Tensor2D>(builder, name, units, [0]) : undefined;
}

/**
 * Each row to mean 0 and variance 1, then times `<name>/scale` [units] plus `<name>/shift` [units].
 *
 * @see Ba et al. 2016, "Layer Normalization"
 */
function addLayerNormalization(builder: NetworkBuilder, name: string, units: number): Layer {
  const scale = builder.parameter(`${name}/scale`, [units], ones);
  const shift = builder.parameter(`${name}/shift`, [units], zeros);
  return (read, x) => {
    const centered = tf.sub(x, tf.mean(x, 1, true)); // [N, units]
    const variance = tf.mean(tf.square(centered), 1, true); // [N, 1]
    const normal = tf.mul(centered, tf.rsqrt(tf.add(variance, 1e-5))); // [N, units]
    return tf.add(tf.mul(normal, read(scale)), read(shift)); // [N, units]
  };
}

/** Hidden layers, then a linear one of width `outputs`. */
export function addDenseStack(builder: NetworkBuilder, inputs: number, options: HiddenLayers, outputs: number): Layer {
  const { hidden } = options;
  const layers = hidden.map((units, i) => addHidden(builder, `dense_${i}`, i === 0 ? inputs : hidden[i - 1], units, options));
  layers.push(addAffine(builder, 'logits', hidden.at(-1) ?? inputs, outputs));
  return (read, x, training) => layers.reduce((value, layer) => layer(read, value, training), x);
}

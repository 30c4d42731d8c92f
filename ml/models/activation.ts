import * as tf from '@tensorflow/tfjs-core';

export type Activation = 'relu' | 'tanh' | 'elu' | 'sigmoid' | 'gelu' | 'silu' | 'selu' | 'leaky-relu' | 'softplus';

/** Slope of the leaky rectifier below zero. */
const leak = 0.01;

/** Activations that leave positive values about as they are, so that weights start after He's rule. */
const rectifiers: ReadonlySet<Activation> = new Set(['relu', 'elu', 'gelu', 'silu', 'leaky-relu']);

export function isRectifier(activation: Activation | undefined): boolean {
  return activation !== undefined && rectifiers.has(activation);
}

/** Applied to each element. */
export function activate<T extends tf.Tensor>(activation: Activation, x: T): T {
  switch (activation) {
    case 'relu':
      return tf.relu(x);
    case 'tanh':
      return tf.tanh(x);
    case 'elu':
      return tf.elu(x);
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'gelu':
      return gelu(x);
    case 'silu':
      return tf.mul(x, tf.sigmoid(x));
    case 'selu':
      return tf.selu(x);
    case 'leaky-relu':
      return tf.leakyRelu(x, leak);
    case 'softplus':
      return tf.softplus(x);
  }
}

/**
 * x · Φ(x), Φ approximated through the hyperbolic tangent, which every backend computes alike (tfjs' error function differs).
 *
 * @see Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", section 2
 */
function gelu<T extends tf.Tensor>(x: T): T {
  const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

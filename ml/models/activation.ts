import * as tf from '@tensorflow/tfjs-core';

export type Activation = 'relu' | 'tanh' | 'elu' | 'sigmoid';

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
  }
}

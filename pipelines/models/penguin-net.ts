import * as tf from '@tensorflow/tfjs-layers';
import type { ModelFunction } from '../../contracts/model-function.js';

/** Two dense layers with batch normalization over the features as the built-in families see them. */
const penguinNet: ModelFunction = ({ inputs, outputs, options }) => {
  const units = Number(options.units ?? 16);
  const features = tf.input({ shape: [...inputs.features!.shape], name: 'features' });
  let hidden = features;
  for (const name of ['first', 'second']) {
    hidden = tf.layers.dense({ units, useBias: false, name }).apply(hidden) as tf.SymbolicTensor;
    hidden = tf.layers.batchNormalization({ momentum: 0.9 }).apply(hidden) as tf.SymbolicTensor;
    hidden = tf.layers.activation({ activation: 'relu' }).apply(hidden) as tf.SymbolicTensor;
    hidden = tf.layers.dropout({ rate: 0.1 }).apply(hidden) as tf.SymbolicTensor;
  }
  const logits = tf.layers.dense({ units: outputs, name: 'logits' }).apply(hidden) as tf.SymbolicTensor;
  return tf.model({ inputs: features, outputs: logits });
};

export default penguinNet;

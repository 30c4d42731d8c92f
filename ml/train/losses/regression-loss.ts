import * as tf from '@tensorflow/tfjs-core';

/**
 * ½e² up to |e| = delta, delta · (|e| − ½ delta) beyond; the gradient is e, cut off at ±delta.
 *
 * @param errors [B]
 * @param delta > 0, in the errors' units
 * @returns [B]
 * @see Huber 1964, "Robust Estimation of a Location Parameter"
 */
export function huberLoss(errors: tf.Tensor1D, delta: number): tf.Tensor1D {
  const op = tf.customGrad((error, save) => {
    const [e, saveTensors] = [error as tf.Tensor1D, save as tf.GradSaveFunc];
    saveTensors([e]);
    const size = tf.abs(e);
    const quadratic = tf.minimum(size, delta);
    return {
      value: tf.add(tf.mul(tf.square(quadratic), 0.5), tf.mul(tf.sub(size, quadratic), delta)),
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, tf.clipByValue(saved, -delta, delta)),
    };
  });
  return op(errors) as tf.Tensor1D;
}

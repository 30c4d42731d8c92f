import * as tf from '@tensorflow/tfjs-core';

/** Functions of TensorFlow.js whose first argument is the tensor that they are a method of. */
const ops =
  `abs acos acosh add all any argMax argMin asin asinh atan atan2 atanh avgPool batchNorm broadcastTo cast ceil clipByValue conv1d conv2d
  conv2dTranspose cos cosh cumprod cumsum depthwiseConv2d div divNoNan dot elu equal erf euclideanNorm exp expandDims expm1 floor floorDiv
  gather greater greaterEqual isFinite isInf isNaN leakyRelu less lessEqual log log1p logSigmoid logSoftmax logSumExp logicalAnd logicalNot
  logicalOr logicalXor matMul max maxPool maximum mean min minimum mirrorPad mod mul neg norm notEqual oneHot onesLike pad pool pow prelu
  prod reciprocal relu relu6 reshape reverse round rsqrt selu separableConv2d sigmoid sign sin sinh slice softmax softplus split sqrt square
  squaredDifference squeeze step stridedSlice sub sum tan tanh tile topk transpose unsortedSegmentSum unstack zerosLike`.split(/\s+/);

type Method = (this: tf.Tensor, ...args: never[]) => unknown;

/** Methods that are more than such a function. */
const others: Readonly<Record<string, Method>> = {
  flatten() {
    return tf.reshape(this, [this.size]);
  },
  asScalar() {
    return tf.reshape(this, []);
  },
  as1D() {
    return tf.reshape(this, [this.size]);
  },
  asType(dtype: tf.DataType) {
    return tf.cast(this, dtype);
  },
  toFloat() {
    return tf.cast(this, 'float32');
  },
  toInt() {
    return tf.cast(this, 'int32');
  },
  toBool() {
    return tf.cast(this, 'bool');
  },
  reshapeAs(x: tf.Tensor) {
    return tf.reshape(this, x.shape);
  },
  concat(x: tf.Tensor | tf.Tensor[], axis?: number) {
    return tf.concat([this, ...(Array.isArray(x) ? x : [x])], axis);
  },
  stack(x: tf.Tensor | tf.Tensor[], axis?: number) {
    return tf.stack([this, ...(Array.isArray(x) ? x : [x])], axis);
  },
  where(condition: tf.Tensor, x: tf.Tensor) {
    return tf.where(condition, this, x);
  },
};

/**
 * Give tensors the methods that the package `@tensorflow/tfjs` gives them (`x.matMul(w).add(b)`), and which layers of its own use;
 * the core alone has none. A method that is there already stays.
 */
export function addChainedOps(): void {
  const prototype = tf.Tensor.prototype as unknown as Record<string, unknown>;
  const functions = tf as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const [name, method] of Object.entries(others)) prototype[name] ??= method;
  for (const name of ops) {
    prototype[name] ??= function (this: tf.Tensor, ...args: unknown[]) {
      return functions[name](this, ...args);
    };
  }
}

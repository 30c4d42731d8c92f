import * as tf from '@tensorflow/tfjs-core';
import { hashElement, kernelBackends, type TensorStorage } from './random-hash.js';

/** A kernel of our own: tfjs makes random numbers in JavaScript, which a recording would take for constants. */
export const dropoutKernel = 'AnnealDropoutMask';

/** Elements whose hash lies below it are dropped. */
export function dropoutThreshold(rate: number): number {
  return Math.round(rate * 2 ** 32);
}

/**
 * Which elements of a layer a training step keeps: those whose hash is not below the rate.
 *
 * @param keys of all layers, int32 [2L]
 * @param shape [N, units]
 * @param firstRow int32 []: place of the first of these rows in the mini-batch that the numbers belong to; default 0
 * @returns 0 with probability `rate`, else 1 / (1 − rate); it has no gradient
 */
export function dropoutMask(
  keys: tf.Tensor1D,
  layer: number,
  shape: readonly [number, number],
  rate: number,
  firstRow?: tf.Tensor,
): tf.Tensor2D {
  const inputs: tf.NamedTensorMap = firstRow ? { keys, firstRow } : { keys };
  return tf.engine().runKernel(dropoutKernel, inputs, { layer, shape: [...shape], rate }) as tf.Tensor2D;
}

/**
 * The kernel in plain numbers.
 *
 * @param from number of the first element
 * @returns [elements]
 */
export function dropoutMaskValues(first: number, second: number, elements: number, rate: number, from = 0): Float32Array {
  const threshold = dropoutThreshold(rate);
  const scale = Math.fround(1 / (1 - rate));
  const mask = new Float32Array(elements);
  for (let i = 0; i < elements; i++) mask[i] = hashElement(first, second, from + i) >>> 0 < threshold ? 0 : scale;
  return mask;
}

for (const backendName of kernelBackends) {
  tf.registerKernel({
    kernelName: dropoutKernel,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const storage = backend as TensorStorage;
      const { layer, shape, rate } = attrs as unknown as { layer: number; shape: [number, number]; rate: number };
      const keys = storage.readSync(inputs.keys!.dataId);
      const from = inputs.firstRow ? storage.readSync(inputs.firstRow.dataId)[0] * shape[1] : 0;
      const mask = dropoutMaskValues(keys[2 * layer], keys[2 * layer + 1], shape[0] * shape[1], rate, from);
      return { dataId: storage.write(mask, shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}

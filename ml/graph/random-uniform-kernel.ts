import * as tf from '@tensorflow/tfjs-core';
import { hashElement, kernelBackends, type TensorStorage } from './random-hash.js';

/** A kernel of our own, beside that of dropout: the same hash, as numbers. */
export const randomUniformKernel = 'AnnealRandomUniform';

/** Bits of a number; what float32 holds exactly. */
export const uniformBits = 24;

/**
 * Random numbers of a training step.
 *
 * @param keys of all streams, int32 [2S]
 * @param shape [rows, columns]
 * @returns uniform in [0, 1), the same bits in every engine; it has no gradient
 */
export function randomUniform(keys: tf.Tensor1D, stream: number, shape: readonly [number, number]): tf.Tensor2D {
  return tf.engine().runKernel(randomUniformKernel, { keys }, { stream, shape: [...shape] }) as tf.Tensor2D;
}

/** The kernel in plain numbers. @returns [elements] */
export function randomUniformValues(first: number, second: number, elements: number): Float32Array {
  const values = new Float32Array(elements);
  for (let i = 0; i < elements; i++) values[i] = (hashElement(first, second, i) >>> (32 - uniformBits)) * 2 ** -uniformBits;
  return values;
}

for (const backendName of kernelBackends) {
  tf.registerKernel({
    kernelName: randomUniformKernel,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const storage = backend as TensorStorage;
      const { stream, shape } = attrs as unknown as { stream: number; shape: [number, number] };
      const keys = storage.readSync(inputs.keys!.dataId);
      const values = randomUniformValues(keys[2 * stream], keys[2 * stream + 1], shape[0] * shape[1]);
      return { dataId: storage.write(values, shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}

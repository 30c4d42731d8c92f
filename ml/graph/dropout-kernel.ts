import * as tf from '@tensorflow/tfjs-core';

/** A kernel of our own: tfjs makes random numbers in JavaScript, which a recording would take for constants. */
export const dropoutKernel = 'AnnealDropoutMask';

/** Constants of the hash: the step from element to element, the factor between the rounds, what is shifted down before and after it. */
export const dropoutHash = { step: 0x9e37_79b1, factor: 0x85eb_ca6b, shifts: [16, 15] } as const;

/** Elements whose hash lies below it are dropped. */
export function dropoutThreshold(rate: number): number {
  return Math.round(rate * 2 ** 32);
}

/**
 * Which elements of a layer a training step keeps.
 *
 * A counter-based generator: element i of a layer hashes to a 32-bit number, and the layer's two keys enter before the first and
 * the second round. A round is x(2x + 1), whose high bits depend on all of x, with shifts that bring them down again; it does
 * without the exclusive or, which ONNX has for integers only in later opsets.
 *
 * @param keys of all layers, int32 [2L]
 * @param shape [N, units]
 * @returns 0 with probability `rate`, else 1 / (1 − rate); it has no gradient
 *
 * @see Rivest et al. 1998, "The RC6 Block Cipher", for x(2x + 1), a bijection modulo 2³²
 */
export function dropoutMask(keys: tf.Tensor1D, layer: number, shape: readonly [number, number], rate: number): tf.Tensor2D {
  return tf.engine().runKernel(dropoutKernel, { keys }, { layer, shape: [...shape], rate }) as tf.Tensor2D;
}

/** The kernel in plain numbers. @returns [rows · units] */
export function dropoutMaskValues(first: number, second: number, elements: number, rate: number): Float32Array {
  const threshold = dropoutThreshold(rate);
  const scale = Math.fround(1 / (1 - rate));
  const [shift, secondShift] = dropoutHash.shifts;
  const mask = new Float32Array(elements);
  for (let i = 0; i < elements; i++) {
    let x = quadratic((Math.imul(i, dropoutHash.step) + first) | 0);
    x = (Math.imul(x + (x >>> shift), dropoutHash.factor) + second) | 0;
    x = quadratic((x + (x >>> secondShift)) | 0);
    mask[i] = x >>> 0 < threshold ? 0 : scale;
  }
  return mask;
}

function quadratic(x: number): number {
  return Math.imul(x, (2 * x + 1) | 0);
}

/** What the backends of tfjs have in common to read and make tensors. */
interface Storage {
  readSync(dataId: object): Int32Array;
  write(values: Float32Array, shape: number[], dtype: 'float32'): object;
}

for (const backendName of ['cpu', 'wasm', 'tensorflow']) {
  tf.registerKernel({
    kernelName: dropoutKernel,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const storage = backend as Storage;
      const { layer, shape, rate } = attrs as unknown as { layer: number; shape: [number, number]; rate: number };
      const keys = storage.readSync(inputs.keys!.dataId);
      const mask = dropoutMaskValues(keys[2 * layer], keys[2 * layer + 1], shape[0] * shape[1], rate);
      return { dataId: storage.write(mask, shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}

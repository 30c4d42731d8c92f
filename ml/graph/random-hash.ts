/** Constants of the hash: the step from element to element, the factor between the rounds, what is shifted down before and after it. */
export const randomHash = { step: 0x9e37_79b1, factor: 0x85eb_ca6b, shifts: [16, 15] } as const;

/**
 * A counter-based generator, the one source of randomness in a training step: element i of a stream hashes to a 32-bit number, and
 * the stream's two keys enter before the first and the second round.
 *
 * A round is x(2x + 1), whose high bits depend on all of x, with shifts that bring them down again; it does without the exclusive
 * or, which ONNX has for integers only in later opsets.
 *
 * @returns a signed 32-bit integer
 * @see Rivest et al. 1998, "The RC6 Block Cipher", for x(2x + 1), a bijection modulo 2³²
 */
export function hashElement(first: number, second: number, element: number): number {
  const [shift, secondShift] = randomHash.shifts;
  let x = quadratic((Math.imul(element, randomHash.step) + first) | 0);
  x = (Math.imul(x + (x >>> shift), randomHash.factor) + second) | 0;
  return quadratic((x + (x >>> secondShift)) | 0);
}

function quadratic(x: number): number {
  return Math.imul(x, (2 * x + 1) | 0);
}

/** What the backends of tfjs have in common to read and make tensors. */
export interface TensorStorage {
  readSync(dataId: object): Int32Array | Float32Array;
  write(values: Float32Array, shape: number[], dtype: 'float32'): object;
}

/** Backends that a kernel of our own is registered for; a recording has the kernels of `cpu`. */
export const kernelBackends = ['cpu', 'wasm', 'tensorflow'] as const;

/** @returns the next number of the stream, uniform in [0, 1) with 24 random bits, so exact in float32 */
export type Random = () => number;

/**
 * A seeded stream of random numbers, the same on every machine (integer arithmetic alone).
 *
 * @param seed of the run
 * @param stream tells streams of the same seed apart
 * @see Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators"; the mixing function is MurmurHash3's 32-bit finalizer
 */
export function createRandom(seed: number, stream = 0): Random {
  let state = mix(mix(seed) ^ mix(stream + 0x9e37_79b9));
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    return (mix(state) >>> 8) / 0x100_0000;
  };
}

/** A bijection of 32-bit integers whose every output bit depends on every input bit. */
export function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
}

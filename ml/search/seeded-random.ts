/**
 * A stream of uniform numbers that depends on nothing but the words of its seed (mulberry32 over a mixed seed).
 *
 * Pure JavaScript, without Node or a clock: safe in a workflow and on replay. Not for secrets.
 *
 * @param words integers; only the lower 32 bits of each count
 * @returns a function whose n-th call gives the n-th number of the stream, in [0, 1)
 */
export function seededRandom(...words: readonly number[]): () => number {
  let state = 0x9e37_79b9;
  for (const word of words) state = mix(state ^ mix(word >>> 0));
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The finalizer of MurmurHash3: every input bit reaches every output bit. */
function mix(value: number): number {
  let h = (value + 0x9e37_79b9) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

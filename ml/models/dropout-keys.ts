import { mix } from './random.js';

const golden = 0x9e37_79b9;
/** Sets these streams apart from those of the initial parameters. */
const domain = 0x6472_6f70;

/**
 * Two keys for each layer that drops units; what a layer drops is a function of them and of an element's place alone. So a step
 * drops the same units in every engine, and after a resume.
 *
 * @param seed of the plan
 * @param step number of steps done before
 * @returns int32 [2 · layers]
 */
export function dropoutKeys(seed: number, step: number, layers: number): Int32Array {
  const stream = mix(mix(seed ^ domain) ^ mix(step + golden));
  return Int32Array.from({ length: 2 * layers }, (_, i) => mix(stream + Math.imul(i + 1, golden)));
}

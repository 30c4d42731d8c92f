import { mix } from './random.js';

const golden = 0x9e37_79b9;
/** Sets these streams apart from those of the initial parameters. */
const domain = 0x6472_6f70;

/**
 * Two keys for each stream of random numbers of a step: one of each layer that drops units, then those of the augmentation. A number
 * is a function of its stream's keys and its place alone, so a step draws the same ones in every engine, and after a resume.
 *
 * @param seed of the plan
 * @param step number of steps done before
 * @returns int32 [2 · streams]
 */
export function randomKeys(seed: number, step: number, streams: number): Int32Array {
  const stream = mix(mix(seed ^ domain) ^ mix(step + golden));
  return Int32Array.from({ length: 2 * streams }, (_, i) => mix(stream + Math.imul(i + 1, golden)));
}

/** Those of several steps, one after another. @returns int32 [steps · 2 · streams] */
export function randomKeysOfSteps(seed: number, firstStep: number, steps: number, streams: number): Int32Array {
  const keys = new Int32Array(steps * 2 * streams);
  for (let i = 0; i < steps; i++) keys.set(randomKeys(seed, firstStep + i, streams), i * 2 * streams);
  return keys;
}

import type { Random } from './random.js';

/** How a parameter starts. Uniform throughout: its numbers need no logarithm, so they are the same bits on every machine. */
export type Initializer = { readonly kind: 'zeros' } | { readonly kind: 'uniform'; readonly limit: number };

export const zeros: Initializer = { kind: 'zeros' };

/** @see Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks" */
export function glorotUniform(fanIn: number, fanOut: number): Initializer {
  return { kind: 'uniform', limit: Math.sqrt(6 / (fanIn + fanOut)) };
}

/** For layers before a rectifier. @see He et al. 2015, "Delving Deep into Rectifiers" */
export function heUniform(fanIn: number): Initializer {
  return { kind: 'uniform', limit: Math.sqrt(6 / fanIn) };
}

export function uniform(limit: number): Initializer {
  return { kind: 'uniform', limit };
}

/** Fill `target` in place. */
export function initialize(target: Float32Array, initializer: Initializer, random: Random): void {
  if (initializer.kind === 'zeros') target.fill(0);
  else for (let i = 0; i < target.length; i++) target[i] = (2 * random() - 1) * initializer.limit;
}

import { createRandom } from '../random.js';

/** Sets this stream apart from those of the built-in families' parameters. */
const stream = 0x6d6f_6475;

/**
 * Run a synchronous function with `Math.random` replaced by a seeded stream, which TensorFlow.js takes the seeds of its
 * initializers from where the model gives none.
 */
export function withSeededMathRandom<T>(seed: number, run: () => T): T {
  const { random } = Math;
  const next = createRandom(seed, stream);
  // Two draws of 24 bits make the 48 that a seed's decimals show.
  Math.random = () => next() + next() / 0x100_0000;
  try {
    return run();
  } finally {
    Math.random = random;
  }
}

/**
 * Run a synchronous function, and say whether it asked `Math.random`, which all random numbers of TensorFlow.js without a seed
 * come from.
 */
export function watchMathRandom<T>(run: () => T): { readonly result: T; readonly isAsked: boolean } {
  const { random } = Math;
  let isAsked = false;
  Math.random = () => {
    isAsked = true;
    return random();
  };
  try {
    const result = run();
    return { result, isAsked };
  } finally {
    Math.random = random;
  }
}

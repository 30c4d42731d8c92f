import type { ParameterRange } from '../../contracts/pipeline.js';
import { seededRandom } from './seeded-random.js';

/** Path into the definition → value. */
export type TrialParameters = Readonly<Record<string, unknown>>;

/**
 * Draw one configuration of a random search.
 *
 * A pure function of its arguments, safe in a workflow and on replay: trial n is the same whatever trials ran before
 * it, and a path's value does not depend on the other paths of the space.
 *
 * @param trial number of the trial, ≥ 0
 */
export function sampleParameters(space: Readonly<Record<string, ParameterRange>>, seed: number, trial: number): TrialParameters {
  return Object.fromEntries(
    Object.keys(space)
      .sort()
      .map((path) => [path, draw(space[path], seededRandom(seed, trial, ...codePoints(path))())]),
  );
}

/** @param uniform in [0, 1) */
function draw(range: ParameterRange, uniform: number): unknown {
  switch (range.kind) {
    case 'uniform':
      return clamp(range.low + uniform * (range.high - range.low), range.low, range.high);
    case 'log-uniform': {
      const value = Math.exp(Math.log(range.low) + uniform * (Math.log(range.high) - Math.log(range.low)));
      return clamp(value, range.low, range.high);
    }
    case 'integer':
      return range.low + Math.floor(uniform * (range.high - range.low + 1));
    case 'log-integer': {
      // Up to high + 1, so that the last number has its share.
      const value = Math.exp(Math.log(range.low) + uniform * (Math.log(range.high + 1) - Math.log(range.low)));
      return Math.min(range.high, Math.max(range.low, Math.floor(value)));
    }
    case 'choice':
      return range.values[Math.floor(uniform * range.values.length)];
  }
}

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}

/** Four significant digits lose nothing of a search and read well in a table. */
function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Number(value.toPrecision(4))));
}

import { describe, expect, test } from '@jest/globals';
import { dropoutMaskValues } from '../graph/dropout-kernel.js';
import { randomKeys } from './random-keys.js';

const units = 64;
const elements = 512 * units;

function kept(seed: number, step: number, layer: number, rate = 0.5): Uint8Array {
  const keys = randomKeys(seed, step, layer + 1);
  return Uint8Array.from(dropoutMaskValues(keys[2 * layer], keys[2 * layer + 1], elements, rate), Math.sign);
}

/** @returns share of the places where two masks agree, in standard deviations from one half */
function agreement(a: Uint8Array, b: Uint8Array): number {
  const count = Math.min(a.length, b.length);
  let equal = 0;
  for (let i = 0; i < count; i++) equal += Number(a[i] === b[i]);
  return Math.abs(equal - count / 2) / (Math.sqrt(count) / 2);
}

describe('the units that a step drops', () => {
  test('are as many as the rate says, in any column and any row', () => {
    for (const rate of [0.1, 0.5, 0.9]) {
      const mask = kept(3, 100, 1, rate);
      const deviation = (values: number[], expected: number) =>
        Math.abs(values.reduce((sum, value) => sum + value, 0) - expected * values.length) /
        Math.sqrt(values.length * expected * (1 - expected));
      expect(deviation([...mask], 1 - rate)).toBeLessThan(4);
      for (let column = 0; column < units; column++) {
        expect(
          deviation(
            [...mask].filter((_, i) => i % units === column),
            1 - rate,
          ),
        ).toBeLessThan(4.5);
      }
    }
  });

  test('keep the layer’s mean: a kept unit is scaled up by what is dropped', () => {
    const [first, second] = randomKeys(1, 0, 1);
    const mask = dropoutMaskValues(first, second, 200_000, 0.3);
    expect(mask.reduce((sum, value) => sum + value, 0) / mask.length).toBeCloseTo(1, 1);
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  });

  test('differ without a pattern from step to step, layer to layer, seed to seed, row to row and neighbour to neighbour', () => {
    const mask = kept(3, 100, 0);
    for (const other of [
      kept(3, 101, 0),
      kept(3, 356, 0),
      kept(3, 100, 1),
      kept(4, 100, 0),
      mask.slice(units),
      mask.slice(1),
      mask.slice(2),
    ]) {
      expect(agreement(mask, other)).toBeLessThan(4.5);
    }
  });

  test('are the same again for the same seed, step and layer, and in every release', () => {
    expect(kept(3, 100, 1)).toEqual(kept(3, 100, 1));
    expect([...randomKeys(3, 100, 2)]).toEqual([-40597478, -1740827527, -637267886, 2104821618]);
    expect([...kept(3, 100, 0).subarray(0, 24)].join('')).toBe('001100000000010100101000');
  });

  test('do not depend on how many layers there are', () => {
    expect(randomKeys(3, 100, 3).subarray(0, 2)).toEqual(randomKeys(3, 100, 1));
  });
});

import { describe, expect, test } from '@jest/globals';
import { createRandom } from '../../../models/random.js';
import { FasterOfTwo } from './faster-of-two.js';

/** Go on for so long. @param msPerStep of each way @returns the share of the time that went into each */
function go(choice: FasterOfTwo, forMs: number, msPerStep: (way: 0 | 1) => number): readonly [number, number] {
  const spent: [number, number] = [0, 0];
  while (spent[0] + spent[1] < forMs) {
    const way = choice.next();
    const steps = Math.max(1, Math.floor(80 / msPerStep(way)));
    const ms = steps * msPerStep(way);
    choice.observe(way, steps, ms);
    spent[way] += ms;
  }
  return [spent[0] / (spent[0] + spent[1]), spent[1] / (spent[0] + spent[1])];
}

describe('FasterOfTwo', () => {
  test.each([
    [0, [2, 3]],
    [1, [3, 2]],
  ] as const)('goes way %i where that is faster, and tries the other for a few hundredths of the time', (faster, times) => {
    const choice = new FasterOfTwo();
    go(choice, 10_000, (way) => times[way]);
    const shares = go(choice, 60_000, (way) => times[way]);
    expect(shares[faster]).toBeGreaterThan(0.96);
    // Or it would not hear of a change.
    expect(shares[faster]).toBeLessThan(1);
  });

  test('changes within seconds when the other way has become faster, and back', () => {
    const choice = new FasterOfTwo();
    go(choice, 30_000, (way) => [2, 3][way]);
    go(choice, 25_000, (way) => [2, 1.5][way]);
    expect(go(choice, 20_000, (way) => [2, 1.5][way])[1]).toBeGreaterThan(0.95);
    // The way that it goes has become slow, which it sees at once.
    expect(go(choice, 2000, (way) => [2, 6][way])[0]).toBeGreaterThan(0.6);
  });

  test('is not moved by one stretch that something else held up', () => {
    const choice = new FasterOfTwo();
    go(choice, 30_000, (way) => [2, 3][way]);
    choice.observe(0, 40, 4000);
    expect(go(choice, 1000, (way) => [2, 3][way])[0]).toBeGreaterThan(0.85);
  });

  test('loses little by timings that are all over the place', () => {
    const choice = new FasterOfTwo();
    const random = createRandom(3);
    expect(go(choice, 300_000, (way) => [2, 3][way] * (0.7 + 0.6 * random()))[0]).toBeGreaterThan(0.9);
  });

  test('tries a way of which a single step takes seconds no oftener than its share of the time allows', () => {
    const choice = new FasterOfTwo();
    go(choice, 60_000, (way) => [100, 3000][way]);
    expect(go(choice, 600_000, (way) => [100, 3000][way])[0]).toBeGreaterThan(0.94);
  });
});

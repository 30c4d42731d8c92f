import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { classCounts, sampledCounts, sampledOrder } from './sampling.js';

describe('sampledCounts', () => {
  it.each([
    ['oversample', 1, [900, 90, 10], [900, 900, 900]],
    ['oversample', 0.05, [900, 90, 10], [900, 90, 45]],
    ['oversample', 0.5, [900, 0, 10], [900, 0, 450]],
    ['undersample', 1, [900, 90, 10], [10, 10, 10]],
    ['undersample', 0.25, [900, 90, 10], [40, 40, 10]],
    ['undersample', 0.25, [900, 90, 0], [360, 90, 0]],
  ] as const)('%s to a ratio of %d: %j → %j', (kind, ratio, counts, expected) => {
    expect(sampledCounts({ kind, ratio }, counts)).toEqual(expected);
  });
});

describe('sampledOrder', () => {
  const labelled = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 120 }).map((labels) => Float32Array.from(labels));

  it('visits every class as often as it is told, and the rows of a class equally often but for one', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(100), labelled, fc.constantFrom('oversample', 'undersample'), (seed, epoch, labels, kind) => {
        const wanted = sampledCounts({ kind, ratio: 1 }, classCounts(labels, 4));
        const order = sampledOrder(seed, epoch, labels, wanted);
        const visits = Array.from(labels, () => 0);
        for (const row of order) visits[row]++;
        for (let label = 0; label < 4; label++) {
          const times = visits.filter((_, row) => labels[row] === label);
          expect(times.reduce((sum, count) => sum + count, 0)).toBe(wanted[label]);
          if (times.length > 0) expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('is the same for the same seed and epoch, and leaves out other rows in another epoch', () => {
    const labels = Float32Array.from({ length: 100 }, (_, row) => Number(row < 10));
    const text = (seed: number, epoch: number) => sampledOrder(seed, epoch, labels, [10, 10]).join();
    expect(text(1, 0)).toBe(text(1, 0));
    expect(new Set([text(1, 0), text(1, 1), text(2, 0), text(2, 1)]).size).toBe(4);
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 60; epoch++) for (const row of sampledOrder(1, epoch, labels, [10, 10])) seen.add(row);
    expect(seen.size).toBeGreaterThan(95);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { epochBatches, epochOrder } from './order.js';

describe('epochOrder', () => {
  it('is a permutation of the rows for any seed and epoch', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(1000), fc.integer({ min: 0, max: 300 }), (seed, epoch, rows) => {
        expect([...epochOrder(seed, epoch, rows)].sort((a, b) => a - b)).toEqual([...Array(rows).keys()]);
      }),
    );
  });

  it('is the same for the same seed and epoch, and another for another', () => {
    const text = (seed: number, epoch: number): string => epochOrder(seed, epoch, 50).join();
    expect(text(1, 0)).toBe(text(1, 0));
    expect(new Set([text(1, 0), text(1, 1), text(2, 0), text(2, 1)]).size).toBe(4);
  });

  it('puts every row into the first half about half of the time', () => {
    const firstHalf = Array.from({ length: 20 }, () => 0);
    for (let epoch = 0; epoch < 1000; epoch++) for (const row of epochOrder(9, epoch, 20).subarray(0, 10)) firstHalf[row]++;
    for (const times of firstHalf) expect(Math.abs(times - 500)).toBeLessThan(80);
  });
});

describe('epochBatches', () => {
  it.each([
    [100, 10, 10, 10],
    [105, 10, 10, 10],
    [7, 10, 7, 1],
  ])('cuts %i rows into batches of %i as %i rows × %i', (rows, wanted, batchSize, stepsPerEpoch) => {
    expect(epochBatches(rows, wanted)).toEqual({ batchSize, stepsPerEpoch });
  });
});

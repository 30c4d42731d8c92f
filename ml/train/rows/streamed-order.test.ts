import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planStreaming, windowOrder, windowShards, windowSteps } from './streamed-order.js';

describe('an epoch in windows', () => {
  it('visits every row exactly once, and never makes more mini-batches of a window than it has rows for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 100, max: 40_000 }),
        fc.integer({ min: 0, max: 9 }),
        (rows, batchSize, windowBytes, epoch) => {
          const plan = planStreaming(rows, 28, windowBytes, batchSize);
          const size = Math.min(batchSize, rows);
          const visits = new Uint8Array(rows);
          windowSteps(plan, rows, size).forEach((steps, window) => {
            const shards = windowShards(plan, 3, epoch, window, rows);
            const count = shards.reduce((sum, { from, until }) => sum + until - from, 0);
            for (const { from, until } of shards) for (let row = from; row < until; row++) visits[row]++;
            expect(steps * size).toBeLessThanOrEqual(count);
            // Left out are less than a mini-batch, and a row of each shard.
            expect(count - steps * size).toBeLessThan(size + shards.length);
          });
          expect(visits.every((times) => times === 1)).toBe(true);
        },
      ),
    );
  });

  it('deals the shards out anew in each epoch, and orders the rows of each window anew', () => {
    const plan = planStreaming(100_000, 28, 280_000, 256);
    expect(plan.shards).toBeGreaterThan(100);
    const firstWindow = (epoch: number) => windowShards(plan, 1, epoch, 0, 100_000);
    expect(firstWindow(0)).toEqual(firstWindow(0));
    expect(firstWindow(1)).not.toEqual(firstWindow(0));
    expect(windowOrder(1, 0, 0, 50)).not.toEqual(windowOrder(1, 0, 1, 50));
    expect([...windowOrder(1, 0, 0, 50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { adaptBatchPolicy, type BatchTarget, type BatchWindow } from './batch-policy.js';

const target: BatchTarget = { p99Ms: 40, maxRows: 256, mayDelay: true };
const calm: BatchWindow = { batches: 10, requests: 40, rows: 40, fullBatches: 0, p99Ms: 25, longestExecuteMs: 5, busyShare: 0.5 };

describe('adaptBatchPolicy', () => {
  it.each<[string, Partial<BatchWindow>, { maxRows: number; delayMs: number }]>([
    ['leaves what holds the target alone, and lets the delay fade', {}, { maxRows: 64, delayMs: 1 }],
    ['makes smaller batches when those take too long', { p99Ms: 80, longestExecuteMs: 60, rows: 640 }, { maxRows: 48, delayMs: 0 }],
    ['makes larger batches when requests wait for their turn', { p99Ms: 80, longestExecuteMs: 5 }, { maxRows: 72, delayMs: 0 }],
    ['lets full batches grow while there is room', { p99Ms: 10, fullBatches: 3 }, { maxRows: 72, delayMs: 1 }],
    ['waits for company when busy and well within the target', { p99Ms: 10, busyShare: 0.9 }, { maxRows: 64, delayMs: 3 }],
    ['does not wait under light load', { p99Ms: 10, busyShare: 0.9, requests: 10 }, { maxRows: 64, delayMs: 0 }],
    ['knows nothing of a window without batches', { batches: 0 }, { maxRows: 64, delayMs: 2 }],
  ])('%s', (_name, seen, expected) => {
    expect(adaptBatchPolicy({ maxRows: 64, delayMs: 2 }, { ...calm, ...seen }, target)).toEqual(expected);
  });

  it('never delays on the HTTP thread', () => {
    const seen = { ...calm, p99Ms: 1, busyShare: 1 };
    expect(adaptBatchPolicy({ maxRows: 64, delayMs: 0 }, seen, { ...target, mayDelay: false }).delayMs).toBe(0);
  });

  it('stays within its bounds whatever it sees', () => {
    const number = fc.integer({ min: 0, max: 1000 });
    const windows = fc.record({
      batches: number,
      requests: number,
      rows: number,
      fullBatches: number,
      p99Ms: number,
      longestExecuteMs: number,
      busyShare: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(windows, { maxLength: 50 }), (seen) => {
        const end = seen.reduce((policy, window) => adaptBatchPolicy(policy, window, target), { maxRows: 256, delayMs: 0 });
        return end.maxRows >= 1 && end.maxRows <= 256 && end.delayMs >= 0 && end.delayMs <= 5;
      }),
    );
  });
});

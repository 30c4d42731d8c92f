import { describe, expect, it } from '@jest/globals';
import { median, pairsTable, pairWindows, type Window } from './paired-windows.js';

function windowOf(latenciesMs: readonly number[], noise: Partial<Window> = {}): Window {
  return { latenciesMs, failed: 0, clientHeldUpMs: 0, othersCores: 0, stolenCores: 0, ...noise };
}

describe('pairWindows', () => {
  it('holds each group against the two calms around it, taken together', () => {
    // Of the numbers 1 to 100 and as many zeros, the 198th of 200 is 98; of 200 in a row it is 198.
    const upTo = (most: number): number[] => Array.from({ length: most }, (_, i) => i + 1);
    const zeros = Array.from({ length: 100 }, () => 0);
    const calm = [windowOf(zeros), windowOf(upTo(100)), windowOf(upTo(100))];
    const promoting = [windowOf(upTo(200)), windowOf(upTo(100))];
    const [first, second] = pairWindows(calm, promoting);
    expect([first.calm.p99Ms, first.promoting.p99Ms, first.ratio]).toEqual([98, 198, 198 / 98]);
    // 1, 1, 2, 2, … 100, 100: the 198th is 99, as is the 99th of 100.
    expect([second.calm.p99Ms, second.promoting.p99Ms, second.ratio]).toEqual([99, 99, 1]);
    expect([first.calm.maxMs, first.promoting.maxMs]).toEqual([100, 200]);
  });

  it('tells the worse of two calms', () => {
    const calm = [
      windowOf([1], { clientHeldUpMs: 3, othersCores: 0.5, stolenCores: 0.1 }),
      windowOf([2], { clientHeldUpMs: 2, othersCores: 0.75, stolenCores: 0 }),
    ];
    const [pair] = pairWindows(calm, [windowOf([4])]);
    expect(pair).toEqual({
      calm: { p99Ms: 2, maxMs: 2, clientHeldUpMs: 3, othersCores: 0.75, stolenCores: 0.1 },
      promoting: { p99Ms: 4, maxMs: 4, clientHeldUpMs: 0, othersCores: 0, stolenCores: 0 },
      ratio: 2,
    });
  });
});

describe('median', () => {
  it('is the middle one of an odd number, and the mean of the two in the middle of an even one', () => {
    expect(median([3, 1, 20])).toBe(3);
    expect(median([10, 1, 3, 2])).toBe(2.5);
  });
});

describe('pairsTable', () => {
  it('has a line for each pair, with both sides in a cell', () => {
    const pairs = pairWindows([windowOf([10]), windowOf([10])], [windowOf([15.25], { othersCores: 1.5 })]);
    const lines = pairsTable(pairs).split('\n');
    expect(lines).toHaveLength(3);
    const cells = lines[2].split('|').map((cell) => cell.trim().replaceAll(/ +/g, ' '));
    expect(cells.slice(1, -1)).toEqual(['1', '1.52', '10.0 / 15.3', '10.0 / 15.3', '0.0 / 0.0', '0.00 / 1.50', '0.00 / 0.00']);
  });
});

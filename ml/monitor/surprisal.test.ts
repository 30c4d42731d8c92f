import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countCells } from './count-cells.js';
import { floatBefore, indexSurprisals, numberSurprisals, stairAt } from './surprisal.js';

const minusLog = (share: number) => expect.closeTo(-Math.log(share), 3);

describe('indexSurprisals', () => {
  it('takes the share of rows whose index is at most as frequent', () => {
    // 10 rows: the rarest index has 1, two have 2 each, one has 5, one none.
    expect(indexSurprisals([1, 2, 2, 5, 0])).toEqual(
      [minusLog(2 / 11), minusLog(6 / 11), minusLog(6 / 11), 0, minusLog(1 / 11)].map((x) => (x === 0 ? expect.closeTo(0, 9) : x)),
    );
  });

  it('is not surprised by any of many equally frequent values', () => {
    expect(Math.max(...indexSurprisals(Array.from({ length: 300 }, () => 7)))).toBeCloseTo(0, 9);
  });
});

describe('numberSurprisals', () => {
  it('takes both tails, and grows without end beyond the outermost values', () => {
    const values = Float32Array.from({ length: 999 }, (_, i) => i + 1);
    const { present, missing } = numberSurprisals(countCells(values, { min: 1, max: 999, present: 999 }));
    expect(stairAt(present, 500)).toBeCloseTo(0, 1);
    expect(stairAt(present, 999)).toBeGreaterThan(-Math.log(2 * 0.005));
    expect(Math.abs(stairAt(present, 50) - stairAt(present, 950))).toBeLessThan(0.5);
    const never = -Math.log(2 / 1000);
    expect([0, 1000, 0.5].map((x) => stairAt(present, x))).toEqual([0, 1, 2].map(() => expect.closeTo(never, 3)));
    // The median is 500 away from the ends: one such distance beyond an end is as unlikely again.
    expect(stairAt(present, 999 + 501)).toBeCloseTo(2 * never, 3);
    expect(stairAt(present, 1e300)).toBeCloseTo(17 * never, 3);
    expect(stairAt(present, -1e300)).toBeCloseTo(17 * never, 3);
    expect(missing).toEqual(minusLog(1 / 1000));
  });

  it('takes fewer cells where there are many columns', () => {
    const values = Float32Array.from({ length: 999 }, (_, i) => i + 1);
    const cellsOf = (columns: number) => countCells(values, { min: 1, max: 999, present: 999 }, columns).upTo.length;
    expect(cellsOf(40)).toBe(cellsOf(1));
    expect(cellsOf(80)).toBeLessThan(0.6 * cellsOf(1));
    expect(cellsOf(2000)).toBe(8);
    const { present } = numberSurprisals(countCells(values, { min: 1, max: 999, present: 999 }, 2000));
    expect(stairAt(present, 500)).toBeLessThan(1);
    expect(stairAt(present, 2000)).toBeGreaterThan(6);
  });

  it('sees a missing value as surprising as it is rare, and a value where most are missing', () => {
    const fit = (missing: number, present: number) =>
      numberSurprisals(
        countCells(
          Float32Array.from({ length: missing + present }, (_, i) => (i < missing ? Number.NaN : 3)),
          { min: 3, max: 3, present },
        ),
      );
    const few = fit(10, 89);
    expect([few.missing, stairAt(few.present, 3)]).toEqual([minusLog(11 / 100), expect.closeTo(0, 9)]);
    const most = fit(89, 10);
    expect([most.missing, stairAt(most.present, 3)]).toEqual([0, minusLog(11 / 100)]);
    const all = fit(99, 0);
    expect([all.missing, stairAt(all.present, 3)]).toEqual([0, minusLog(1 / 100)]);
  });

  it('is finite and not negative for every number of every column', () => {
    const column = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(column, fc.float({ noNaN: true }), (values, x) => {
        const { present } = numberSurprisals(
          countCells(Float32Array.from(values), { min: Math.min(...values), max: Math.max(...values), present: values.length }),
        );
        expect(present.values).toHaveLength(present.upTo.length + 1);
        expect(present.upTo.every((place, i) => Number.isFinite(place) && (i === 0 || place > present.upTo[i - 1]))).toBe(true);
        const surprisal = stairAt(present, x);
        expect(surprisal >= 0 && Number.isFinite(surprisal)).toBe(true);
        // No value of the training rows surprises more than one that they lack.
        const never = -Math.log(2 / (values.length + 1));
        for (const value of values) expect(stairAt(present, value)).toBeLessThanOrEqual(Math.max(0, never) + 1e-3);
      }),
    );
  });
});

describe('floatBefore', () => {
  it('gives the neighbour', () => {
    expect([1, 0, -1, 2 ** -149].map(floatBefore)).toEqual([1 - 2 ** -24, -(2 ** -149), -1 - 2 ** -23, 0]);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jensenShannonDivergence, lInfinityDistance } from './distances.js';

const counts = (bins: number) => fc.array(fc.nat(1000), { minLength: bins, maxLength: bins }).filter((found) => found.some((n) => n > 0));
const twoHistograms = fc.integer({ min: 1, max: 12 }).chain((bins) => fc.tuple(counts(bins), counts(bins)));
const toMap = (weights: readonly number[]) => new Map(weights.map((weight, i) => [`c${i}`, weight]));

describe('lInfinityDistance', () => {
  it.each([
    [{ a: 1, b: 1 }, { a: 30, b: 10 }, 0.25],
    [{ a: 5 }, { b: 7 }, 1],
    [{ a: 8, b: 2 }, { a: 8, c: 2 }, 0.2],
    [{ a: 3, b: 1 }, { a: 6, b: 2 }, 0],
  ])('of %j and %j is %d', (a, b, expected) => {
    expect(lInfinityDistance(new Map(Object.entries(a)), new Map(Object.entries(b)))).toBeCloseTo(expected, 12);
  });

  it('is symmetric, in [0, 1], and does not depend on the number of rows', () => {
    fc.assert(
      fc.property(twoHistograms, fc.integer({ min: 1, max: 9 }), ([p, q], factor) => {
        const distance = lInfinityDistance(toMap(p), toMap(q));
        expect(distance).toBe(lInfinityDistance(toMap(q), toMap(p)));
        expect(distance).toBeGreaterThanOrEqual(0);
        expect(distance).toBeLessThanOrEqual(1);
        expect(lInfinityDistance(toMap(p.map((n) => n * factor)), toMap(q))).toBeCloseTo(distance, 12);
      }),
    );
  });

  it('is not a number when one side has no rows', () => {
    expect(lInfinityDistance(new Map(), new Map([['a', 1]]))).toBeNaN();
    expect(lInfinityDistance(new Map([['a', 1]]), new Map([['a', 0]]))).toBeNaN();
  });
});

describe('jensenShannonDivergence', () => {
  it.each([
    // Half the Kullback–Leibler divergences from the middle, by hand and with Python's math.log2.
    [[1, 0], [0, 1], 1],
    [[1, 1], [1, 0], 0.311278124459133],
    [[10, 40, 50], [50, 40, 10], 0.209986547010987],
    [[2, 3, 5], [4, 6, 10], 0],
  ])('of %j and %j is %d', (p, q, expected) => {
    expect(jensenShannonDivergence(p, q)).toBeCloseTo(expected, 10);
  });

  it('is symmetric, in [0, 1], 0 for equal shares, and only grows less when bins are joined', () => {
    fc.assert(
      fc.property(twoHistograms, ([p, q]) => {
        const divergence = jensenShannonDivergence(p, q);
        expect(divergence).toBe(jensenShannonDivergence(q, p));
        expect(divergence).toBeGreaterThanOrEqual(0);
        expect(divergence).toBeLessThanOrEqual(1);
        expect(jensenShannonDivergence(p, p)).toBe(0);
        const joined = ([first, second = 0, ...rest]: readonly number[]) => [first + second, ...rest];
        expect(jensenShannonDivergence(joined(p), joined(q))).toBeLessThanOrEqual(divergence + 1e-12);
      }),
    );
  });

  it('is not a number when one side has no rows, and refuses other bins', () => {
    expect(jensenShannonDivergence([0, 0], [1, 2])).toBeNaN();
    expect(() => jensenShannonDivergence([1], [1, 2])).toThrow(/same edges/);
  });
});

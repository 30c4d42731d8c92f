import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { binOf, histogramEdges } from './histogram-edges.js';

describe('histogramEdges', () => {
  it.each([
    ['a bin for each of few integers', { min: 1, max: 4, low: 1, high: 4 }, 'integer', [0.5, 1.5, 2.5, 3.5, 4.5]],
    ['round steps', { min: 0.1, max: 9.9, low: 0.2, high: 9.8 }, 'float', Array.from({ length: 21 }, (_, i) => i / 2)],
    [
      'one wide bin for what lies far out',
      { min: 0, max: 1e9, low: 0, high: 20 },
      'float',
      [...Array.from({ length: 21 }, (_, i) => i), 1e9],
    ],
    [
      'days for times',
      { min: 0, max: 18 * 86_400_000, low: 0, high: 18 * 86_400_000 },
      'time',
      Array.from({ length: 19 }, (_, i) => i * 86_400_000),
    ],
    ['one bin for one value', { min: 7, max: 7, low: 7, high: 7 }, 'float', [7, 7]],
  ] as const)('makes %s', (_, range, kind, edges) => {
    expect(histogramEdges(range, kind)).toEqual(edges);
  });

  it('covers all values, increases, and stays below 32 bins, whatever the numbers', () => {
    const value = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 4, maxLength: 4 }), fc.constantFrom('float', 'time', 'integer'), (values, kind) => {
        const sorted = (kind === 'float' ? values : values.map((v) => Math.round(v % 1e15))).toSorted((a, b) => a - b);
        const [min, low, high, max] = sorted;
        const edges = histogramEdges({ min, max, low, high }, kind as 'float');
        expect(edges.length).toBeGreaterThanOrEqual(2);
        expect(edges.length).toBeLessThanOrEqual(33);
        expect(edges[0]).toBeLessThanOrEqual(min);
        expect(edges[edges.length - 1]).toBeGreaterThanOrEqual(max);
        expect(edges.every((edge, i) => i === 0 || edge > edges[i - 1] || min === max)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('binOf', () => {
  it('counts the edges that a value reaches', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -20, max: 20 })), fc.integer({ min: -25, max: 25 }), (values, value) => {
        const edges = [...new Set(values)].toSorted((a, b) => a - b);
        expect(binOf(value, edges)).toBe(edges.filter((edge) => edge <= value).length);
      }),
    );
  });
});

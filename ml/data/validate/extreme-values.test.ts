import { describe, expect, it } from '@jest/globals';
import { suspicious, valueText } from './extreme-values.js';

const extremes = (changes: Partial<Parameters<typeof suspicious>[0]>) => ({
  low: 0,
  nextLow: 1,
  nextHigh: 99,
  high: 100,
  lowRows: 10,
  highRows: 10,
  present: 1000,
  distinct: 90,
  ...changes,
});
const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);

describe('suspicious', () => {
  it.each([
    ['a mark far below', { low: -9999 }, [-9999]],
    ['a mark below numbers that are not negative', { low: -99, nextLow: 0, high: 500, nextHigh: 499 }, [-99]],
    ['a mark far above', { high: 999, nextHigh: 27, nextLow: 1 }, [999]],
    ['marks at both ends', { low: -999, high: 9999 }, [-999, 9999]],
    ['a repeated value farther away than all others are apart', { high: 5000, highRows: 30 }, [5000]],
    ['one value far out', { high: 5000, highRows: 1 }, []],
    ['one value out of all proportion', { high: 1e38, highRows: 1 }, [1e38]],
    ['one such value below', { low: -1e12, lowRows: 1 }, [-1e12]],
    ['a mark that is one of many', { high: 999, nextHigh: 998 }, []],
    ['a long tail', { high: 190 }, []],
    ['two values', { low: 0, nextLow: 9999, nextHigh: 0, high: 9999, distinct: 2 }, []],
    ['no value at all', { low: Number.NaN, nextLow: Number.NaN, nextHigh: Number.NaN, high: Number.NaN }, []],
  ])('judges %s', (_, changes, values) => {
    expect(suspicious(extremes(changes), 'number').map(({ value }) => value)).toEqual(values);
  });

  it('knows the dates that stand for none', () => {
    const births = { low: day('1900-01-01'), nextLow: day('1930-05-02'), nextHigh: day('2005-03-04'), high: day('2005-03-05') };
    expect(suspicious(extremes(births), 'time')).toMatchObject([{ value: births.low, isWellKnown: true }]);
    expect(valueText(births.low, 'time')).toBe('1900-01-01');
    expect(suspicious(extremes({ ...births, low: day('1900-01-02') }), 'time')).toEqual([]);
  });
});

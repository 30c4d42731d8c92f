import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonBytes, longestNumber } from './json-bytes.js';

function written(value: number): string {
  const json = new JsonBytes(longestNumber);
  json.float32(value);
  return json.take();
}

describe('a number of 32 bits in JSON', () => {
  it('is the same number when it is read and rounded to 32 bits, and fits into its place', () => {
    const bits = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((each) => new Float32Array(Uint32Array.of(each).buffer)[0]);
    const numbers = fc.oneof(bits, fc.float({ min: 0, max: 1, noNaN: true }), fc.float({ min: -2000, max: 2000, noNaN: true }));
    const finite = numbers.filter(Number.isFinite);
    fc.assert(
      fc.property(finite, (value) => {
        const text = written(value);
        expect(Math.fround(JSON.parse(text) as number)).toBe(value === 0 ? 0 : value);
        expect(text.length).toBeLessThanOrEqual(longestNumber);
      }),
      { numRuns: 5000 },
    );
  });

  it('has nine digits as decimal arithmetic rounds them, and no zeros behind them', () => {
    const numbers = fc.float({ min: Math.fround(0.0001), max: Math.fround(999_999_872), noNaN: true });
    fc.assert(fc.property(numbers, (value) => expect(Number(written(value))).toBe(Number(value.toPrecision(9)))));
    for (const [value, text] of [
      [0, '0'],
      [1, '1'],
      [-0.5, '-0.5'],
      [0.1, '0.100000001'],
      [0.0001, '0.0000999999975'],
      [10, '10'],
      [123_456, '123456'],
      [1e9, '1000000000'],
    ] as const)
      expect(written(Math.fround(value))).toBe(text);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mutualInformation } from './mutual-information.js';

const pairOf = fc.record({ x: fc.nat(5), y: fc.nat(3), rows: fc.integer({ min: 1, max: 500 }) });

describe('mutualInformation', () => {
  it.each([
    [
      'a copy of a fair coin',
      [
        [0, 0, 5000],
        [1, 1, 5000],
      ],
      Math.log(2),
      1,
    ],
    [
      'independent coins',
      [
        [0, 0, 2500],
        [0, 1, 2500],
        [1, 0, 2500],
        [1, 1, 2500],
      ],
      0,
      0,
    ],
    // ln 2 − h(0.1) of a binary symmetric channel.
    [
      'a coin seen wrongly in one of ten cases',
      [
        [0, 0, 45_000],
        [0, 1, 5000],
        [1, 0, 5000],
        [1, 1, 45_000],
      ],
      0.368064,
      0.531004,
    ],
  ])('of %s', (_, counts, nats, normalized) => {
    const found = mutualInformation(counts.map(([x, y, rows]) => ({ x, y, rows })))!;
    expect(found.nats).toBeCloseTo(nats, 3);
    expect(found.normalized).toBeCloseTo(normalized, 3);
  });

  it('takes out most of what chance alone adds in few rows', () => {
    // 200 rows spread over 20 × 2 cells at random: the plain estimate is about 19 / 400.
    let state = 1;
    const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
    let sum = 0;
    for (let run = 0; run < 200; run++)
      sum += mutualInformation(Array.from({ length: 200 }, () => ({ x: random(20), y: random(2), rows: 1 })))!.nats;
    expect(sum / 200).toBeLessThan(0.012);
  });

  it('is in [0, 1], the same in any order, and undefined where the target does not vary', () => {
    fc.assert(
      fc.property(fc.array(pairOf, { minLength: 1, maxLength: 30 }), (pairs) => {
        const found = mutualInformation(pairs);
        expect(mutualInformation(pairs.toReversed())).toEqual(found);
        if (new Set(pairs.map(({ y }) => y)).size < 2) return expect(found).toBeUndefined();
        expect(found!.nats).toBeGreaterThanOrEqual(0);
        expect(found!.normalized).toBeGreaterThanOrEqual(0);
        expect(found!.normalized).toBeLessThanOrEqual(1);
      }),
    );
    expect(mutualInformation([])).toBeUndefined();
  });
});

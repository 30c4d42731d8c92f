import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { scoreScale } from './score-scale.js';
import { stairAt } from './surprisal.js';

describe('scoreScale', () => {
  it('gives the share of smaller sums, in steps that are finer above 0.99', () => {
    const scale = scoreScale(Float32Array.from({ length: 10_000 }, (_, i) => i + 1));
    for (const sum of [1, 2500, 5000, 9000]) expect(stairAt(scale, sum)).toBeCloseTo((sum - 1) / 10_000, 2);
    expect(stairAt(scale, 9991) - 0.999).toBeLessThan(3e-4);
    expect(stairAt(scale, 10_000)).toBeGreaterThan(0.9997);
  });

  it('puts what is beyond all training rows nearer to 1 than any of them, and at last at 1', () => {
    const scale = scoreScale(Float32Array.of(1, 4, 9));
    const scores = [3, 3.1, 4, 6, 10, 20].map((surprisal) => stairAt(scale, surprisal ** 2));
    expect(scores).toEqual([expect.closeTo(2 / 3, 6), 0.75, 0.875, expect.closeTo(1 - 1 / 64, 6), expect.closeTo(1 - 1 / 4096, 6), 1]);
  });

  it('never falls, and stays in [0, 1]', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: 0, max: 1000, noNaN: true }), { minLength: 1, maxLength: 300 }), (sums) => {
        const { upTo, values } = scoreScale(Float32Array.from(sums));
        expect(upTo.every((place, i) => i === 0 || place > upTo[i - 1])).toBe(true);
        expect(values.every((value, i) => value >= 0 && value <= 1 && (i === 0 || value >= values[i - 1]))).toBe(true);
        expect(values).toHaveLength(upTo.length + 1);
        for (const sum of sums)
          expect(stairAt({ upTo, values }, sum)).toBeLessThanOrEqual(sums.filter((each) => each < sum).length / sums.length + 1e-9);
      }),
    );
  });
});

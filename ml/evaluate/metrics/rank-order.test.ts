import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rankOrder } from './rank-order.js';

describe('rankOrder', () => {
  it('orders rows by score and equal ones by row, like a stable comparison sort', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 200 }), (values) => {
        const scores = Float32Array.from(values);
        const expected = Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b] || a - b);
        expect([...rankOrder(scores)]).toEqual(expected);
      }),
    );
  });

  it('takes negative zero for zero', () => {
    expect([...rankOrder(Float32Array.of(0, -0, -1))]).toEqual([2, 0, 1]);
  });
});

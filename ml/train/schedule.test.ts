import { describe, expect, it } from '@jest/globals';
import { learningRates } from './schedule.js';

describe('learningRates', () => {
  it('stays at the peak when constant', () => {
    expect([...learningRates('constant', 0.5, 10, 3, 4)]).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  it('rises to the peak, then follows half a cosine towards zero', () => {
    const rates = learningRates('cosine', 1, 100, 0, 100);
    expect([...rates.subarray(0, 5)].map((rate) => Number(rate.toFixed(4)))).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
    expect(Math.max(...rates)).toBe(1);
    expect(rates[52]).toBeGreaterThan(rates[53]);
    expect(rates[5 + 47]).toBeCloseTo(0.5, 1);
    expect(rates[99]).toBeGreaterThan(0);
    expect(rates[99]).toBeLessThan(0.001);
  });

  it('gives a step the same rate wherever the call begins', () => {
    const whole = learningRates('cosine', 0.01, 57, 0, 57);
    const pieces = [...learningRates('cosine', 0.01, 57, 0, 13), ...learningRates('cosine', 0.01, 57, 13, 44)];
    expect(pieces).toEqual([...whole]);
  });

  it('has a finite rate for the only step of the shortest schedule', () => {
    expect([...learningRates('cosine', 0.25, 1, 0, 1)]).toEqual([0.25]);
  });
});

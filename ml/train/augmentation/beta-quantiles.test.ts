import { describe, expect, test } from '@jest/globals';
import { betaQuantiles } from './beta-quantiles.js';

const count = 4096;

describe('the quantiles of the larger of two shares', () => {
  test('are evenly spread where both parameters are 1', () => {
    betaQuantiles(1, count).forEach((value, i) => expect(value).toBeCloseTo(0.5 + (0.5 * (i + 0.5)) / count, 5));
  });

  test('are those of the arcsine distribution where both parameters are ½', () => {
    // Its distribution function is (2/π) asin(√λ).
    betaQuantiles(0.5, count).forEach((value, i) => {
      const share = (1 + (i + 0.5) / count) / 2;
      expect(value).toBeCloseTo(Math.sin((Math.PI / 2) * share) ** 2, 5);
    });
  });

  test.each([0.05, 0.2, 0.4, 2, 8, 100])('have the variance of Beta(%d, %d)', (alpha) => {
    const quantiles = betaQuantiles(alpha, count);
    const variance = quantiles.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / count;
    expect(variance / (1 / (4 * (2 * alpha + 1)))).toBeCloseTo(1, 2);
    expect(quantiles.every((value, i) => value >= 0.5 && value <= 1 && (i === 0 || value >= quantiles[i - 1]))).toBe(true);
  });
});

import { describe, expect, it } from '@jest/globals';
import { baselineMetrics } from '../baseline.js';
import { coverage, pinball } from './pinball.js';
import { applyCalibration } from '../calibration/prediction-calibration.js';

const f32 = (...values: number[]) => Float32Array.from(values);

describe('pinball', () => {
  it('weighs what lies above by the quantile and what lies below by the rest', () => {
    // Errors 2 and −4 of the quantile 0.25: 0.25 · 2 and 0.75 · 4.
    expect(pinball(f32(1, 5), f32(3, 1), [0.25])).toBeCloseTo((0.5 + 3) / 2, 6);
    expect(pinball(f32(1, 2, 5, 5), f32(3, 1), [0.25, 0.5])).toBeCloseTo((0.5 + 0.5 + 3 + 2) / 4, 6);
  });

  it('is least for the quantile of the values, of all constants', () => {
    const values = Float32Array.from({ length: 101 }, (_, i) => i * i);
    const at = (constant: number, quantile: number) => pinball(new Float32Array(101).fill(constant), values, [quantile]);
    for (const quantile of [0.1, 0.5, 0.9]) {
      const best = (100 * quantile) ** 2;
      for (const other of [best - 30, best + 30]) expect(at(best, quantile)).toBeLessThan(at(other, quantile));
    }
  });
});

describe('coverage', () => {
  it('is the share of the rows between the outer quantiles, ends included', () => {
    expect(coverage(f32(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2), f32(0, 2, 2.1, 1), 3)).toBe(0.75);
    expect(coverage(f32(0, 0), f32(0, 0), 1)).toBeNaN();
  });
});

it('quantiles that cross are put in order, row by row', () => {
  const calibration = { kind: 'standardization', mean: 10, scale: 2, quantiles: [0.1, 0.5, 0.9] } as const;
  expect([...applyCalibration(calibration, f32(1, -1, 0, 0, 1, 2), 3)]).toEqual([8, 10, 12, 10, 12, 14]);
});

it('the baseline predicts the mean and the quantiles of the training part', () => {
  const { rmse, pinball: loss, coverage: within } = baselineMetrics('regression', [5, 2, 3, 5, 7], f32(2, 5, 6, 8), [0.1, 0.5, 0.9]);
  expect(rmse).toBeCloseTo(Math.sqrt((9 + 0 + 1 + 9) / 4), 6);
  expect(within).toBe(0.5);
  expect(loss).toBeCloseTo(pinball(f32(3, 5, 7, 3, 5, 7, 3, 5, 7, 3, 5, 7), f32(2, 5, 6, 8), [0.1, 0.5, 0.9]), 6);
});

import { describe, expect, it } from '@jest/globals';
import { foldFigures } from './fold-figures.js';

describe('foldFigures', () => {
  it('gives mean and deviation of the sample, with the value of each fold', () => {
    expect(foldFigures([{ auc: 0.6 }, { auc: 0.8 }, { auc: 0.7 }]).auc).toEqual({
      mean: expect.closeTo(0.7, 12) as unknown,
      standardDeviation: expect.closeTo(0.1, 12) as unknown,
      values: [0.6, 0.8, 0.7],
    });
  });

  it('leaves out folds that do not define a metric, and metrics that no fold defines', () => {
    expect(foldFigures([{ auc: 0.6, accuracy: 1 }, { accuracy: 0.5 }])).toEqual({
      auc: { mean: 0.6, standardDeviation: 0, values: [0.6, null] },
      accuracy: { mean: 0.75, standardDeviation: Math.sqrt(0.125), values: [1, 0.5] },
    });
  });
});

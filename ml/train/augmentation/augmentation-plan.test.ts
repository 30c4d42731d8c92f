import { describe, expect, test } from '@jest/globals';
import { createAugmentationPlan } from './augmentation-plan.js';

/** A standardized column, one in its own units, an indicator. */
const numeric = Float32Array.from([-1, 100, 0, 1, 300, 1, 1, 300, 0, -1, 100, 0]);

describe('the plan of an augmentation', () => {
  test('has noise in standard deviations of each column, and none on indicators', () => {
    expect(createAugmentationPlan({ jitter: 0.5 }, 3, numeric)).toEqual({ jitter: [0.5, 50, 0] });
  });

  test('drops a number to the mean of its column, and no indicator', () => {
    expect(createAugmentationPlan({ featureDropout: 0.25 }, 3, numeric)).toEqual({
      featureDropout: { rate: 0.25, fill: [0, 200, null] },
    });
  });

  test('is absent when nothing is asked for', () => {
    for (const spec of [undefined, {}, { images: {} }]) expect(createAugmentationPlan(spec, 3, numeric)).toBeUndefined();
  });
});

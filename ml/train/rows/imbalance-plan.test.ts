import { describe, expect, it } from '@jest/globals';
import { createImbalancePlan } from './imbalance-plan.js';

const target = Float32Array.from({ length: 100 }, (_, row) => (row < 80 ? 0 : row < 95 ? 1 : 2));
const classes = { classes: 3, classNames: ['bronze', 'silver', 'gold'] };
const plan = (spec: Parameters<typeof createImbalancePlan>[0]) => createImbalancePlan(spec, 'multiclass', target, classes);

describe('createImbalancePlan', () => {
  it('is empty when nothing is asked for', () => {
    expect(plan({ classWeights: 'none' })).toEqual({});
    expect(plan({ classWeights: 'none', sampling: 'none' })).toEqual({});
  });

  it('weighs classes by name, and the others by 1', () => {
    expect(plan({ classWeights: { gold: 8, bronze: 0.5 } })).toEqual({ classWeights: [0.5, 1, 8], classShift: [0.5, 1, 8] });
  });

  it('refuses a weight of a class that the target does not have', () => {
    expect(() => plan({ classWeights: { platinum: 2 } })).toThrow(
      'training.classWeights gives a weight to the class "platinum", which the target does not have. Its classes are bronze, silver, gold.',
    );
  });

  it('balances by weights what sampling left unbalanced, and tells the calibration of both', () => {
    const { classWeights, sampledCounts, classShift } = plan({
      classWeights: 'balanced',
      sampling: { kind: 'oversample', ratio: 0.5 },
    });
    expect(sampledCounts).toEqual([80, 40, 40]);
    expect(classWeights).toEqual([160 / 240, 160 / 120, 160 / 120]);
    // Each class counts as if it had a third of the rows.
    expect(classShift!.map((shift, k) => shift * [80, 15, 5][k])).toEqual([
      expect.closeTo(160 / 3),
      expect.closeTo(160 / 3),
      expect.closeTo(160 / 3),
    ]);
  });

  it('leaves the shift of two classes to the intercept of their calibration', () => {
    const binary = Float32Array.from([0, 0, 0, 1]);
    const made = createImbalancePlan({ classWeights: 'none', sampling: { kind: 'undersample', ratio: 1 } }, 'binary', binary, {
      classes: 2,
    });
    expect(made).toEqual({ sampledCounts: [1, 1] });
  });
});

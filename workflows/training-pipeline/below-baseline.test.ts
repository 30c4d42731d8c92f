import { describe, expect, it } from '@jest/globals';
import { belowBaseline } from './below-baseline.js';

describe('belowBaseline', () => {
  it.each([
    ['a better model', 'auc', 0.71, 0.5, undefined],
    ['a lower loss', 'logLoss', 0.4, 0.6, undefined],
    ['a metric that was not measured', 'auc', Number.NaN, 0.5, undefined],
    ['a worse model', 'auc', 0.43, 0.5, /auc 0\.4300, baseline 0\.5000.*gates/],
    ['an equal model', 'rmse', 2, 2, /rmse 2\.000, baseline 2\.000/],
    ['a higher loss', 'logLoss', 0.7, 0.69, /logLoss 0\.7000, baseline 0\.6900/],
  ] as const)('tells %s apart', (_, metric, model, naive, text) => {
    const said = belowBaseline(metric, { [metric]: model }, { [metric]: naive }, []);
    if (text) expect(said).toMatch(text);
    else expect(said).toBeUndefined();
  });

  it('gives no advice where a gate compares with the baseline', () => {
    const gates = [{ metric: 'auc', betterThan: 'baseline', by: 0.05 }] as const;
    expect(belowBaseline('auc', { auc: 0.5 }, { auc: 0.5 }, gates)).not.toMatch(/gates/);
  });
});

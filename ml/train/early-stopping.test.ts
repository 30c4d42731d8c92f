import { describe, expect, it } from '@jest/globals';
import { initialStopping, observeEpoch, shouldStop, type StoppingState } from './early-stopping.js';

const waited = (metric: 'auc' | 'logLoss', values: number[], minDelta: number): number[] => {
  let state: StoppingState = initialStopping;
  return values.map((value) => (state = observeEpoch(state, metric, value, minDelta)).epochsWaited);
};

describe('observeEpoch', () => {
  it.each<[string, 'auc' | 'logLoss', number[], number, number[]]>([
    ['counts epochs without a gain', 'auc', [0.5, 0.6, 0.6, 0.59, 0.7], 0, [0, 0, 1, 2, 0]],
    ['knows that a lower loss is better', 'logLoss', [0.7, 0.6, 0.65], 0, [0, 0, 1]],
    ['does not take a gain below minDelta for one', 'auc', [0.5, 0.505], 0.01, [0, 1]],
    ['adds small gains up', 'auc', [0.5, 0.506, 0.512], 0.01, [0, 1, 0]],
  ])('%s', (_name, metric, values, minDelta, expected) => {
    expect(waited(metric, values, minDelta)).toEqual(expected);
  });
});

describe('shouldStop', () => {
  it('stops after so many epochs without a gain, and never without a patience', () => {
    expect(shouldStop({ reference: 1, epochsWaited: 1 }, { patience: 2, minDelta: 0 })).toBe(false);
    expect(shouldStop({ reference: 1, epochsWaited: 2 }, { patience: 2, minDelta: 0 })).toBe(true);
    expect(shouldStop({ reference: 1, epochsWaited: 99 }, undefined)).toBe(false);
  });
});

import { describe, expect, it } from '@jest/globals';
import { addLosses, addValidation, emptyHistory, newestValidation } from './history.js';

describe('addLosses', () => {
  it('makes the same curve however the losses are cut, with a mean per window', () => {
    const losses = Float32Array.from({ length: 230 }, (_, i) => 1 / (i + 1));
    const whole = addLosses(emptyHistory, losses, 0, 230);
    let pieces = emptyHistory;
    for (let from = 0; from < 230; from += 7) pieces = addLosses(pieces, losses.subarray(from, from + 7), from, 230);
    expect(pieces).toEqual(whole);
    expect(whole.points.length).toBeLessThanOrEqual(50);
    expect(whole.points[0].step).toBe(5);
    expect(whole.points[0].metrics.loss).toBeCloseTo((1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5, 6);
    expect(whole.points.at(-1)!.step).toBe(230);
  });
});

describe('addValidation', () => {
  it('joins the loss of the same step, and names the metrics', () => {
    const history = addValidation(addLosses(emptyHistory, Float32Array.of(0.5), 0, 10), { auc: 0.7 }, 1, 1, 10);
    expect(history.points).toEqual([{ step: 1, metrics: { loss: 0.5, 'validation/auc': 0.7 } }]);
  });

  it('stays short over many epochs and keeps the last', () => {
    let history = emptyHistory;
    for (let epoch = 1; epoch <= 1003; epoch++) history = addValidation(history, { auc: epoch }, epoch, epoch, 1003);
    expect(history.points.length).toBeLessThanOrEqual(41);
    expect(history.points.at(-1)).toEqual({ step: 1003, metrics: { 'validation/auc': 1003 } });
  });
});

describe('newestValidation', () => {
  it('is the last that the curve has, though losses follow it', () => {
    expect(newestValidation(emptyHistory)).toBeUndefined();
    let history = emptyHistory;
    for (const epoch of [1, 2]) {
      history = addValidation(addLosses(history, Float32Array.of(0.5), epoch - 1, 4), { auc: epoch, logLoss: 0.5 }, epoch, epoch, 4);
    }
    history = addLosses(history, Float32Array.of(0.4), 2, 4);
    expect(newestValidation(history)).toEqual({ step: 2, metrics: { auc: 2, logLoss: 0.5 } });
  });
});

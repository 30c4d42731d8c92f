import { describe, expect, it } from '@jest/globals';
import type { GateSpec } from '../../contracts/pipeline.js';
import { evaluateGates, type GateEvidence } from './gates.js';

const evidence: GateEvidence = {
  metrics: { auc: 0.7384, logLoss: 0.41, ece: Number.NaN },
  baseline: { auc: 0.5, logLoss: 0.52 },
  champion: { version: '3', metrics: { auc: 0.7384 } },
  crossValidated: {
    auc: { mean: 0.7, standardDeviation: 0.0158, values: [0.69, 0.7, 0.71] },
    logLoss: { mean: 0.5, standardDeviation: 0, values: [0.5, null, 0.5] },
  },
};
const { crossValidated: __, ...withoutFolds } = evidence;
const { champion: _, ...withoutChampion } = evidence;

describe('evaluateGates', () => {
  it.each<[string, GateSpec, GateEvidence, boolean, string]>([
    ['a lower bound that holds', { metric: 'auc', min: 0.71 }, evidence, true, 'auc 0.7384 ≥ 0.71'],
    ['a lower bound that does not', { metric: 'auc', min: 0.8 }, evidence, false, 'auc 0.7384 < 0.8'],
    ['a bound that is met exactly', { metric: 'auc', min: 0.7384 }, evidence, true, 'auc 0.7384 ≥ 0.7384'],
    ['a bound that is missed by a hair', { metric: 'auc', min: 0.73840001 }, evidence, false, 'auc 0.7384 < 0.73840001'],
    ['an upper bound that holds', { metric: 'logLoss', max: 0.45 }, evidence, true, 'logLoss 0.41 ≤ 0.45'],
    ['an upper bound that does not', { metric: 'logLoss', max: 0.4 }, evidence, false, 'logLoss 0.41 > 0.4'],
    ['a metric that the task does not have', { metric: 'rmse', max: 4 }, evidence, false, 'rmse was not measured'],
    ['a metric that is not a number', { metric: 'ece', max: 1 }, evidence, false, 'ece was not measured'],
    [
      'better than the baseline',
      { metric: 'auc', betterThan: 'baseline', by: 0.2 },
      evidence,
      true,
      'auc 0.7384 ≥ 0.7 (baseline 0.5 + 0.2)',
    ],
    [
      'better than the baseline, where lower is better',
      { metric: 'logLoss', betterThan: 'baseline', by: 0.12 },
      evidence,
      false,
      'logLoss 0.41 > 0.4 (baseline 0.52 − 0.12)',
    ],
    [
      'a loss against the champion that is tolerated',
      { metric: 'auc', betterThan: 'champion', by: -0.01 },
      evidence,
      true,
      'auc 0.7384 ≥ 0.7284 (champion version 3 0.7384 − 0.01)',
    ],
    [
      'a draw with the champion',
      { metric: 'auc', betterThan: 'champion', by: 0 },
      evidence,
      true,
      'auc 0.7384 ≥ 0.7384 (champion version 3 0.7384)',
    ],
    [
      'no champion yet',
      { metric: 'auc', betterThan: 'champion', by: 0.5 },
      withoutChampion,
      true,
      'auc 0.7384; there is no champion to compare with',
    ],
    [
      'a champion that could not be measured',
      { metric: 'auc', betterThan: 'champion', by: -0.5 },
      { ...withoutChampion, championSkipped: 'Version 3 was not compared: its file is lost.' },
      false,
      'auc 0.7384 could not be held against the champion (Version 3 was not compared: its file is lost)',
    ],
    [
      'a champion that could not be measured, for a gate that does not ask for it',
      { metric: 'auc', min: 0.7 },
      { ...withoutChampion, championSkipped: 'Version 3 was not compared: its file is lost.' },
      true,
      'auc 0.7384 ≥ 0.7',
    ],
    [
      'a champion without that metric',
      { metric: 'logLoss', betterThan: 'champion', by: 0 },
      evidence,
      false,
      'logLoss of the champion version 3 was not measured',
    ],
    [
      'a mean over the folds that is too low, whatever the test says',
      { metric: 'auc', crossValidated: true, min: 0.71 },
      evidence,
      false,
      'auc 0.7 < 0.71 (mean of 3 folds, standard deviation 0.016)',
    ],
    [
      'a mean over the folds that measure the metric',
      { metric: 'logLoss', crossValidated: true, max: 0.5 },
      evidence,
      true,
      'logLoss 0.5 ≤ 0.5 (mean of 2 of 3 folds, standard deviation 0)',
    ],
    [
      'folds that were never measured',
      { metric: 'auc', crossValidated: true, min: 0.1 },
      withoutFolds,
      false,
      'auc was not measured on the folds',
    ],
  ])('decides %s', (_name, gate, given, passed, explanation) => {
    expect(evaluateGates([gate], given)).toEqual([{ gate, passed, explanation }]);
  });

  it('passes a difference that float64 alone would miss', () => {
    const sum: GateEvidence = { metrics: { auc: 0.3 }, baseline: { auc: 0.1 } };
    expect(evaluateGates([{ metric: 'auc', betterThan: 'baseline', by: 0.2 }], sum)[0].passed).toBe(true);
  });
});

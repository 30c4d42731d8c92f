import { describe, expect, it } from '@jest/globals';
import { fallbackMismatch, fallbackProblem } from './fallback-model.js';
import type { RawInput } from './dataset.js';
import type { ModelManifest } from './model.js';

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: true },
  { name: 'date', type: 'int64', columnType: 'timestamp', nullable: false },
];
const manifest: ModelManifest = {
  formatVersion: 1,
  name: 'big',
  task: 'binary',
  classes: ['on-time', 'late'],
  inputs,
  layout: { categorical: [], numeric: ['date'] },
  trainingPrior: [0.8, 0.2],
  dataDigest: '0'.repeat(64),
};

describe('a model that is to answer for another', () => {
  const [first, second, ...others] = inputs;
  it.each<[Partial<ModelManifest>, string]>([
    [{ task: 'regression', classes: [] }, 'predicts regression where the model predicts binary'],
    [{ classes: ['no', 'yes'] }, 'predicts "no", "yes" where the model predicts "on-time", "late"'],
    [{ quantiles: [0.5] }, 'predicts quantiles "0.5" where the model predicts none'],
    [{ inputs: [first, ...others] }, `does not read "${second.name}", which the model reads`],
    [{ inputs: [...inputs, { ...first, name: 'delay' }] }, 'reads "delay", which the model does not'],
    [{ inputs: [second, first, ...others] }, 'reads the same columns in another order'],
    [{ inputs: [{ ...first, type: 'int64' }, second, ...others] }, 'reads "origin" as int64 where the model reads string'],
    [{ inputs: [{ ...first, nullable: false }, second, ...others] }, 'takes no missing values of "origin"'],
  ])('is told by %j', (change, difference) => {
    expect(fallbackMismatch(manifest, { ...manifest, ...change })).toContain(difference);
  });

  it('may be another model of the same columns and classes', () => {
    const other: ModelManifest = { ...manifest, name: 'other', threshold: 0.1, trainingPrior: [0.5, 0.5] };
    expect(fallbackMismatch(manifest, other)).toBeUndefined();
  });

  it('has to serve, where a pipeline names one', () => {
    const naming: ModelManifest = { ...manifest, serving: { degrade: { fallbackModel: 'small' } } };
    expect(fallbackProblem(manifest, undefined)).toBeUndefined();
    expect(fallbackProblem(naming, manifest)).toBeUndefined();
    expect(fallbackProblem(naming, undefined)).toMatch(/of "big" is "small", and no version of such a model serves/);
    expect(fallbackProblem(naming, { ...manifest, classes: [] })).toMatch(/"small", which cannot answer for it, since it predicts none/);
  });
});

import { describe, expect, it } from '@jest/globals';
import type { RawInput } from '../../contracts/dataset.js';
import type { ModelManifest } from '../../contracts/model.js';
import { championProblem } from './champion-fit.js';

const origin: RawInput = { name: 'origin', type: 'string', columnType: 'string', nullable: true };
const distance: RawInput = { name: 'distance', type: 'int64', columnType: 'integer', nullable: false };
const gappyDistance: RawInput = { name: 'distance', type: 'float64', columnType: 'integer', nullable: true };
const departed: RawInput = { name: 'departed', type: 'int64', columnType: 'timestamp', nullable: false };

function manifest(changes: Partial<ModelManifest>): ModelManifest {
  return {
    formatVersion: 1,
    name: 'm',
    task: 'binary',
    classes: ['no', 'yes'],
    inputs: [origin, distance],
    layout: { categorical: [], numeric: [] },
    trainingPrior: [0.5, 0.5],
    dataDigest: 'd',
    ...changes,
  };
}

describe('championProblem', () => {
  it.each<[string, Partial<ModelManifest>, Partial<ModelManifest>, RegExp | undefined]>([
    ['the same inputs', {}, {}, undefined],
    ['fewer inputs', { inputs: [origin] }, {}, undefined],
    ['integers where there are floats', { inputs: [gappyDistance] }, {}, undefined],
    ['floats where there are integers', {}, { inputs: [origin, gappyDistance] }, /reads the column "distance" as int64, which is float64/],
    ['an input that is not read any more', {}, { inputs: [origin] }, /needs the column "distance"/],
    ['an integer that is a time now', {}, { inputs: [origin, { ...departed, name: 'distance' }] }, /"distance"/],
    ['another task', { task: 'regression', classes: [] }, {}, /regression target, this model a binary one/],
    ['other classes', { classes: ['yes', 'no'] }, {}, /classes are yes, no, those of this model are no, yes/],
  ])('decides about a champion with %s', (_name, champion, current, expected) => {
    const problem = championProblem(manifest(champion), manifest(current));
    if (expected) expect(problem).toMatch(expected);
    else expect(problem).toBeUndefined();
  });
});

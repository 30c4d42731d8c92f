import { describe, expect, it } from '@jest/globals';
import type { RawInput } from './dataset.js';
import { interfaceChanges, interfaceProblem } from './interface-change.js';

const origin: RawInput = { name: 'origin', type: 'string', columnType: 'string', nullable: true };
const date: RawInput = { name: 'date', type: 'int64', columnType: 'timestamp', nullable: false };
const before = { task: 'binary', classes: ['on-time', 'late'], inputs: [origin, date] } as const;

describe('what callers notice of a version that takes the place of another', () => {
  it.each<[string, Parameters<typeof interfaceChanges>[1], string[]]>([
    ['nothing of one that is alike', before, []],
    ['nothing of a column less, and of another order', { ...before, inputs: [date] }, []],
    ['nothing of a column that may be missing now', { ...before, inputs: [origin, { ...date, nullable: true }] }, []],
    ['a column that must be sent', { ...before, inputs: [...before.inputs, { ...date, name: 'due' }] }, ['refuses requests without "due"']],
    [
      'a column that may be sent',
      { ...before, inputs: [...before.inputs, { ...origin, name: 'carrier' }] },
      ['reads "carrier" as missing where it is not sent'],
    ],
    [
      'a column of another type, that must not be missing any more',
      { ...before, inputs: [{ ...origin, type: 'float64', columnType: 'float', nullable: false }, date] },
      ['takes "origin" as float where it was string', 'refuses missing values of "origin"'],
    ],
    [
      'other classes',
      { ...before, task: 'multiclass', classes: ['early', 'on-time', 'late'] },
      ['predicts multiclass where it was binary', 'has the classes "early", "on-time", "late" where they were "on-time", "late"'],
    ],
    ['quantiles', { ...before, quantiles: [0.5] }, ['has the quantiles "0.5" where they were none']],
  ])('%s', (_, after, changes) => {
    expect(interfaceChanges(before, after)).toEqual(changes);
  });

  it('names both versions and the way back', () => {
    const after = { ...before, inputs: [...before.inputs, { ...date, name: 'due' }] };
    const said = interfaceProblem('flights', { version: '3', manifest: before }, { version: '4', manifest: after });
    expect(said).toMatch(
      /^Version 4 of "flights" refuses requests without "due"; version 3, .*"anneal rollback flights" brings version 3 back\.$/,
    );
    expect(interfaceProblem('flights', { version: '3', manifest: before }, { version: '4', manifest: before })).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import type { FailuresInVain } from '../contracts/training.js';
import { TrainingChildError } from '../ml/train/training-child-error.js';
import { countFailure } from './failures-in-vain.js';

const exit = new TrainingChildError('It was ended with exit code 7.', 7);
const killed = new TrainingChildError('It was ended by signal SIGKILL.');

/** @returns the type of what each failure ends in; undefined where it is tried again */
function typesOf(failures: readonly (readonly [TrainingChildError, number])[]): (string | undefined)[] {
  let counted: FailuresInVain | undefined;
  return failures.map(([failure, step]) => {
    const { failures: next, error } = countFailure(counted, failure, step);
    counted = JSON.parse(JSON.stringify(next)) as FailuresInVain;
    return error === failure ? undefined : (error as { type?: string }).type;
  });
}

describe('countFailure', () => {
  it('gives an exit up the third time that nothing was stored in between', () => {
    expect(typesOf([0, 0, 0].map((step) => [exit, step] as const))).toEqual([undefined, undefined, 'TrainingCrashed']);
  });

  it('gives a signal up the tenth time', () => {
    const types = typesOf(Array.from({ length: 10 }, () => [killed, 40] as const));
    expect(types.slice(0, 9).every((type) => type === undefined)).toBe(true);
    expect(types[9]).toBe('TrainingCrashed');
  });

  it('counts anew whenever a further checkpoint was stored', () => {
    expect(typesOf(Array.from({ length: 50 }, (_, i) => [exit, i + 1] as const)).every((type) => type === undefined)).toBe(true);
    expect(typesOf([0, 0, 5, 5, 5].map((step) => [exit, step] as const)).at(-1)).toBe('TrainingCrashed');
  });

  it('says what happened, how often, and since which step', () => {
    const before = { step: 30, failures: 9, exits: 0 };
    expect(countFailure(before, killed, 30).error.message).toMatch(
      /^It was ended by signal SIGKILL\. It failed 10 times without a new checkpoint in between after step 30, so it is not tried again\. /,
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { toError, toFailureMessage } from './failure-message.js';

const across = (error: unknown): Error => toError(structuredClone(toFailureMessage(error)));

describe('toFailureMessage', () => {
  it('brings a permanent failure across with type and details', () => {
    const error = across(new AnnealError(failureTypes.diverged, 'The loss was NaN.', { step: 3 }));
    expect(error).toBeInstanceOf(AnnealError);
    expect(error).toMatchObject({ type: 'TrainingDiverged', message: 'The loss was NaN.', details: { step: 3 } });
  });

  it('brings any other error across as one that a retry may mend, with its stack', () => {
    const original = new TypeError('no such thing');
    const error = across(original);
    expect(error).not.toBeInstanceOf(AnnealError);
    expect(error.message).toBe('no such thing');
    expect(error.stack).toBe(original.stack);
    expect(across('just text').message).toBe('just text');
  });
});

import { describe, expect, it } from '@jest/globals';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { toActivityFailure, withActivityFailures } from './failures.js';

describe('toActivityFailure', () => {
  it('makes a permanent failure non-retryable and keeps its type, message and details', () => {
    const details = [{ column: 'delay' }];
    const failure = toActivityFailure(new AnnealError(failureTypes.invalidData, 'The column "delay" is missing.', details));
    expect(failure).toBeInstanceOf(ApplicationFailure);
    const application = failure as ApplicationFailure;
    expect(application.nonRetryable).toBe(true);
    expect(application.type).toBe('InvalidData');
    expect(application.message).toBe('The column "delay" is missing.');
    expect(application.details).toEqual([details]);
  });

  it('keeps the cause', () => {
    const cause = new Error('no such file');
    const failure = toActivityFailure(new AnnealError(failureTypes.sourceUnavailable, 'gone', undefined, { cause }));
    expect((failure as ApplicationFailure).cause).toBe(cause);
  });

  it.each([new Error('connection reset'), new CancelledFailure('stop'), 'a string'])('leaves %p to the retry policy', (error) => {
    expect(toActivityFailure(error)).toBe(error);
  });
});

describe('withActivityFailures', () => {
  it('passes parameters and results through and maps what is thrown', async () => {
    const activities = withActivityFailures({
      double: async (input: { value: number }) => input.value * 2,
      refuse: async () => {
        throw new AnnealError(failureTypes.diverged, 'The loss is NaN.');
      },
    });
    await expect(activities.double({ value: 21 })).resolves.toBe(42);
    await expect(activities.refuse()).rejects.toMatchObject({ type: 'TrainingDiverged', nonRetryable: true });
  });
});

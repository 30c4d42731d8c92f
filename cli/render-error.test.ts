import { describe, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { CommandError, usageError } from './command-error.js';
import { exitCodeOf, renderError } from './render-error.js';

const address = '127.0.0.1:7233';

describe('renderError', () => {
  test('gives the message of an error that was made for people as it is', () => {
    expect(renderError(new CommandError('Do this.'), address)).toBe('Do this.');
    expect(renderError(new AnnealError(failureTypes.invalidPipeline, 'Correct that.'), address)).toBe('Correct that.');
  });

  test('says how to start the stack when Temporal does not answer', () => {
    const refused = Object.assign(new Error('14 UNAVAILABLE: No connection established'), { code: 14 });
    for (const error of [refused, new Error('Failed to call', { cause: refused }), new Error('Failed to connect before the deadline')]) {
      expect(renderError(error, address)).toMatch(/cannot be reached at 127\.0\.0\.1:7233.*anneal up.*TEMPORAL_ADDRESS/);
    }
  });

  test('finds the failure that a part of Anneal raised below what Temporal wraps around it', () => {
    const failure = ApplicationFailure.create({
      type: failureTypes.unknownModelVersion,
      message: 'There is no version 9.',
      nonRetryable: true,
    });
    const wrapped = new Error('Workflow Update failed', { cause: new Error('Activity task failed', { cause: failure }) });
    expect(renderError(wrapped, address)).toBe('There is no version 9.');
  });

  test('never shows a stack trace, and says how to get one', () => {
    const text = renderError(new TypeError('x is not a function'), address);
    expect(text).toBe('x is not a function. Run the command again with --debug to see where it happened.');
    expect(renderError('odd', address)).toContain('odd');
  });
});

describe('exitCodeOf', () => {
  test('tells wrong usage from a failure', () => {
    expect(exitCodeOf(usageError('no'))).toBe(2);
    expect(exitCodeOf(new AnnealError(failureTypes.invalidPipeline, 'no'))).toBe(2);
    expect(exitCodeOf(new AnnealError(failureTypes.invalidModel, 'no'))).toBe(2);
    expect(exitCodeOf(new AnnealError(failureTypes.invalidData, 'no'))).toBe(1);
    expect(exitCodeOf(new CommandError('no'))).toBe(1);
    expect(exitCodeOf(new Error('no'))).toBe(1);
  });
});

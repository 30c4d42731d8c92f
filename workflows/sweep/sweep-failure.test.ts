import { describe, expect, it } from '@jest/globals';
import { sweepFailure } from './sweep-failure.js';

const trialsOf = (failures: readonly (string | undefined)[]) =>
  failures.map((failure, trial) => ({ trial, state: 'failed' as const, ...(failure === undefined ? {} : { failure }) }));

describe('sweepFailure', () => {
  it('says once what all trials failed of, and gives no advice of its own', () => {
    expect(sweepFailure(trialsOf(['It threw. Correct it.', 'It threw. Correct it.']))).toBe(
      'None of the 2 trials of the sweep finished a rung with a usable metric. All failed alike: It threw. Correct it.',
    );
  });

  it('says which trials had which failure, without a double full stop', () => {
    expect(sweepFailure(trialsOf(['It threw.', undefined, 'It threw.']))).toBe(
      'None of the 3 trials of the sweep finished a rung with a usable metric. Failures: trials 0, 2: It threw | trial 1: no metric. Narrow the search space (sweep.space), lower the learning rate, or run one configuration without a sweep to see what is wrong.',
    );
    expect(sweepFailure(trialsOf(['a', 'b', 'c', 'd']))).toContain('First failures: trial 0: a | trial 1: b | trial 2: c. Narrow');
  });

  it('says that the sweep stopped where trials never began', () => {
    const trials = [...trialsOf(['It threw.']), { trial: 1, state: 'pending' as const }];
    expect(sweepFailure(trials)).toBe('The sweep stopped at its first failure, which every one of its 2 trials would meet: It threw.');
  });
});

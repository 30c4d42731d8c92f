import { describe, expect, it } from '@jest/globals';
import { nothingToRecheck } from './data-decision.js';

describe('a recheck', () => {
  it('has nothing to do for a run that goes on, and says so with its id', () => {
    expect(nothingToRecheck('20261123-214500-x7k2', { state: 'running' })).toBe(
      'The run 20261123-214500-x7k2 goes on: there is nothing to check again. "anneal show 20261123-214500-x7k2" shows it.',
    );
    expect(nothingToRecheck('x', { state: 'awaiting-approval' })).toMatch(/waits for approval, not for its data/);
  });

  it('is asked of a run that waits for it, and refused by one that has ended', () => {
    expect(nothingToRecheck('x', { state: 'awaiting-override' })).toBeUndefined();
    expect(nothingToRecheck('x', { state: 'failed' })).toBeUndefined();
  });
});

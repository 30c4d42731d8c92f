import { describe, expect, test } from '@jest/globals';
import { halfTrained, sweepOfTwo } from './run-fixture.js';
import { withWaiting } from './run-snapshot.js';

describe('withWaiting', () => {
  const statesWith = (...trainings: Parameters<typeof withWaiting>[1]) =>
    withWaiting(sweepOfTwo, trainings).trials.map(({ state }) => state);

  test('calls a trial running that a worker trains, and no other', () => {
    expect(statesWith({ trial: 0, attempt: 1, progress: halfTrained })).toEqual(['running', 'paused']);
    expect(statesWith({ trial: 0, attempt: 1, waits: true })).toEqual(['waiting', 'paused']);
    expect(statesWith()).toEqual(['waiting', 'paused']);
  });
});

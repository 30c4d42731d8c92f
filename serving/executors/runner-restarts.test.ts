import { describe, expect, it } from '@jest/globals';
import { RunnerRestarts, unbearablePauseMs } from './runner-restarts.js';

describe('RunnerRestarts', () => {
  it('forgives two deaths in a row, what a batch that crashes costs, and doubles the pause from the third to ten seconds', () => {
    const restarts = new RunnerRestarts();
    const pauses = Array.from({ length: 10 }, () => restarts.died(0));
    expect(pauses).toEqual([0, 0, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    expect(pauses.findIndex((pause) => pause >= unbearablePauseMs)).toBe(3);
  });

  it('begins anew with a batch that was computed', () => {
    const restarts = new RunnerRestarts();
    for (let i = 0; i < 5; i++) restarts.died(0);
    restarts.succeeded();
    expect(restarts.died(0)).toBe(0);
  });

  it('slows down a version that crashes on some requests all the time, and forgives it at a rate', () => {
    const restarts = new RunnerRestarts();
    const dieAt = (milliseconds: number): number => {
      restarts.succeeded();
      return restarts.died(milliseconds);
    };
    // Two a second: twelve at once are forgiven, and one more every three seconds.
    const pauses = Array.from({ length: 20 }, (_, i) => dieAt(i * 500));
    expect(pauses.findIndex((pause) => pause > 0)).toBe(14);
    expect(pauses.at(-1)).toBeGreaterThan(unbearablePauseMs);
    expect(dieAt(60_000)).toBe(0);
    // One in five seconds is never slowed down.
    const rare = Array.from({ length: 100 }, (_, i) => dieAt(100_000 + i * 5000));
    expect(Math.max(...rare)).toBe(0);
  });
});

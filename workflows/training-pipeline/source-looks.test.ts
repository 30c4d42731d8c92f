import { describe, expect, it } from '@jest/globals';
import { pauseBeforeLook } from './source-looks.js';

const day = 86_400_000;

function looksWithin(totalMs: number, firstPauseMs: number): number {
  let waited = 0;
  let looks = 0;
  for (; waited < totalMs; looks++) waited += pauseBeforeLook(looks, waited, firstPauseMs);
  return looks;
}

describe('pauseBeforeLook', () => {
  it('doubles from the first pause to 10 minutes', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map((looks) => pauseBeforeLook(looks, 0, 30_000) / 1000)).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  it('lets a wait of 30 days stay below 3,100 events, and one of 7 days below 2,300', () => {
    const eventsOfALook = 11;
    expect(looksWithin(30 * day, 30_000) * eventsOfALook).toBeLessThan(3100);
    expect(looksWithin(7 * day, 30_000) * eventsOfALook).toBeLessThan(2300);
  });

  it('never pauses less than the first pause asks for', () => {
    expect(pauseBeforeLook(3, 0, day)).toBe(day);
    expect(looksWithin(30 * day, 1000)).toBeLessThan(300);
  });
});

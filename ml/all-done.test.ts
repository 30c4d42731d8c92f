import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { allDone } from './all-done.js';

describe('allDone', () => {
  it('gives every result in its place', async () => {
    const later = sleep(5).then(() => 'late');
    expect(await allDone([later, Promise.resolve(2)])).toEqual(['late', 2]);
  });

  it('fails with the first failure, when nothing is at work any more', async () => {
    let isDone = false;
    const slow = sleep(20).then(() => {
      isDone = true;
    });
    await expect(allDone([Promise.reject(new Error('broken')), slow])).rejects.toThrow('broken');
    expect(isDone).toBe(true);
  });
});

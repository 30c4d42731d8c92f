import { getPriority } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { atLowPriority } from './low-priority.js';

describe('atLowPriority', () => {
  it('comes back to the priority that the thread had, whatever becomes of the work', async () => {
    const usual = getPriority();
    const during = await atLowPriority(async () => getPriority());
    // Root may raise a priority again; others usually may not, and stay where they are.
    if (process.platform === 'linux' && process.getuid!() === 0) expect(during).toBe(Math.max(usual, 10));
    else expect(during).toBeGreaterThanOrEqual(usual);
    expect(getPriority()).toBeLessThanOrEqual(usual + 1);
    await expect(atLowPriority(() => Promise.reject(new Error('no such image')))).rejects.toThrow('no such image');
    expect(getPriority()).toBeLessThanOrEqual(usual + 1);
  });
});

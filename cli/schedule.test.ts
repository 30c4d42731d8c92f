import { describe, expect, test } from '@jest/globals';
import { exitCodes } from './command-error.js';
import { parseEvery } from './schedule.js';

describe('parseEvery', () => {
  test.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['12 h', 43_200_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseEvery(text)).toBe(milliseconds);
  });

  test.each(['', '12', 'h', '-1h', '0h', '1.5h', '1 month'])('refuses "%s" as wrong usage', (text) => {
    expect(() => parseEvery(text)).toThrow(expect.objectContaining({ exitCode: exitCodes.usage }));
  });
});

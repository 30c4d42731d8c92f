import { describe, expect, test } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { count, duration, table, timestamp } from './output.js';

describe('duration', () => {
  test.each([
    [-3_600_000, '0 ms'],
    [0, '0 ms'],
    [850, '850 ms'],
    [4210, '4.2 s'],
    [185_000, '3 min 05 s'],
    [119_700, '2 min 00 s'],
    [7_380_000, '2 h 03 min'],
  ])('says %d as %s', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });
});

describe('table', () => {
  test('aligns columns whatever the colours, and leaves no blanks at the ends', () => {
    const lines = table(
      ['A', 'LONG'],
      [
        ['\u001b[32mgreen\u001b[39m', 'x'],
        ['b', ''],
      ],
    ).map(stripVTControlCharacters);
    expect(lines).toEqual(['A      LONG', 'green  x', 'b']);
  });
});

test('counts have thousands separators', () => {
  expect(count(2_999_858)).toBe('2,999,858');
});

test('times are UTC', () => {
  expect(timestamp(Date.UTC(2026, 10, 23, 21, 45))).toBe('2026-11-23 21:45:00');
});

import { describe, expect, test } from '@jest/globals';
import { newRunId } from './run-id.js';

describe('newRunId', () => {
  test('writes the UTC time and four characters that tell runs of one second apart', () => {
    const now = new Date('2026-11-23T21:45:00.987Z');
    expect(newRunId(now, Uint8Array.of(0, 31, 32, 255))).toBe('20261123-214500-a9a9');
  });

  test('sorts by time', () => {
    const earlier = newRunId(new Date('2026-09-30T23:59:59Z'), Uint8Array.of(31, 31, 31, 31));
    const later = newRunId(new Date('2026-10-01T00:00:00Z'), Uint8Array.of(0, 0, 0, 0));
    expect([later, earlier].sort()).toEqual([earlier, later]);
  });

  test('is a segment of a workflow id', () => {
    expect(newRunId()).toMatch(/^\d{8}-\d{6}-[a-z2-9]{4}$/);
  });
});

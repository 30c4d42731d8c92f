import { describe, expect, it } from '@jest/globals';
import { AnnealError } from '../failures.js';
import { resolveWindow, windowSpec } from './window.js';

const start = Date.parse('2024-03-01T03:00:00Z');

describe('resolveWindow', () => {
  it.each([
    [{ since: '-7d' }, { since: '2024-02-23T03:00:00.000Z' }],
    [
      { since: '-24h', until: 'now' },
      { since: '2024-02-29T03:00:00.000Z', until: '2024-03-01T03:00:00.000Z' },
    ],
    [{ until: '-90s' }, { until: '2024-03-01T02:58:30.000Z' }],
    [
      { since: '-1w', until: '-15m' },
      { since: '2024-02-23T03:00:00.000Z', until: '2024-03-01T02:45:00.000Z' },
    ],
    [
      { since: '2024-01-01', until: '2024-02-01 12:30' },
      { since: '2024-01-01', until: '2024-02-01 12:30' },
    ],
    [{ since: '2024-01-01T00:00:00.123456Z' }, { since: '2024-01-01T00:00:00.123456Z' }],
  ])('turns %j into times', (window, expected) => {
    expect(resolveWindow({ column: 'at', ...window }, start)).toEqual({ column: 'at', ...expected });
  });

  it('leaves no gap and no overlap between the windows of consecutive runs', () => {
    const day = 86_400_000;
    const [first, second] = [start, start + day].map((at) => resolveWindow({ column: 'at', since: '-1d', until: 'now' }, at));
    expect(second.since).toBe(first.until);
  });

  it.each([
    [{ since: 'now', until: '-1d' }],
    [{ since: '2024-03-02', until: 'now' }],
    [{ since: '2024-01-01', until: '2024-01-01T00:00' }],
  ])('refuses the empty window %j', (window) => {
    expect(() => resolveWindow({ column: 'at', ...window }, start)).toThrow(AnnealError);
  });
});

describe('windowSpec', () => {
  it.each([[{}], [{ since: 'yesterday' }], [{ since: '7d' }], [{ since: '-7y' }], [{ until: '' }]])('refuses %j', (window) => {
    expect(windowSpec.safeParse({ column: 'at', ...window }).success).toBe(false);
  });
});

import { expect, it } from '@jest/globals';
import { executeLimitMs, warmUpLimitMs } from './execute-limit.js';
import { tinyManifest } from '../testing/tiny-bundle.js';

const profile = { openMs: 1, oneRowMs: 1, manyRowsMs: 100 };

it.each([
  [undefined, 1, 30_000, 60_000],
  [undefined, 960, 30_000, 60_000],
  [undefined, 9600, 300_000, 60_000],
  [2, 32, 2000, 4000],
  [2, 33, 2000, 4000],
  [2, 96, 3000, 4000],
  [120, 9600, 300_000, 240_000],
])(
  'with a timeout of %p s a batch of %d rows may take %d ms, and a call of the warm-up %d',
  (executeTimeoutSeconds, rows, limitMs, warmUpMs) => {
    const manifest = { ...tinyManifest, serving: executeTimeoutSeconds === undefined ? {} : { executeTimeoutSeconds } };
    expect(executeLimitMs({ manifest, profile }, rows)).toBe(limitMs);
    expect(warmUpLimitMs(manifest)).toBe(warmUpMs);
  },
);

import { expect, test } from '@jest/globals';
import { didBetter } from './did-better.js';

test.each([
  ['auc', 0.7, 0.6, true],
  ['auc', 0.6, 0.6, false],
  ['logLoss', 0.4, 0.5, true],
  ['logLoss', 0.6, 0.5, false],
  ['auc', 0.6, Number.NaN, true],
  ['auc', Number.NaN, 0.5, false],
  ['auc', Number.NaN, Number.NaN, false],
] as const)('by %s %d is ahead of %d: %s', (metric, one, other, ahead) => {
  expect(didBetter({ validation: { [metric]: one } }, { validation: { [metric]: other } }, metric)).toBe(ahead);
});

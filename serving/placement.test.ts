import { describe, expect, it } from '@jest/globals';
import { choosePlacement } from './placement.js';

describe('choosePlacement', () => {
  it.each([
    ['a small model', { openMs: 2, oneRowMs: 0.04, manyRowsMs: 0.07 }, false, 'http-thread'],
    ['large tables that open at once', { openMs: 2.4, oneRowMs: 0.1, manyRowsMs: 0.3 }, false, 'http-thread'],
    ['a model whose batches take long', { openMs: 2, oneRowMs: 0.5, manyRowsMs: 7 }, false, 'executor-thread'],
    ['a model that takes long to open', { openMs: 50, oneRowMs: 0.1, manyRowsMs: 0.2 }, false, 'executor-thread'],
    ['images', { openMs: 2, oneRowMs: 0.1, manyRowsMs: 0.2 }, true, 'executor-thread'],
  ])('puts %s where it belongs', (_name, profile, hasImages, expected) => {
    expect(choosePlacement(profile, hasImages)).toBe(expected);
  });
});

import { describe, expect, it } from '@jest/globals';
import { choosePlacement, type Placement } from './placement.js';

const small = { openMs: 2, oneRowMs: 0.04, manyRowsMs: 0.07 };
const large = { openMs: 2, oneRowMs: 0.5, manyRowsMs: 7 };

describe('choosePlacement', () => {
  it.each([
    ['a small model', small, false, 'http-thread'],
    ['large tables that open at once', { openMs: 2.4, oneRowMs: 0.1, manyRowsMs: 0.3 }, false, 'http-thread'],
    ['a model whose batches take long', large, false, 'executor-process'],
    ['a model that takes long to open', { openMs: 50, oneRowMs: 0.1, manyRowsMs: 0.2 }, false, 'executor-process'],
    ['images', { openMs: 2, oneRowMs: 0.1, manyRowsMs: 0.2 }, true, 'executor-process'],
  ])('puts %s where it belongs', (_name, profile, hasImages, expected) => {
    expect(choosePlacement(profile, hasImages)).toBe(expected);
  });

  it.each<['thread' | 'process' | undefined, Placement | undefined, Placement, Placement]>([
    [undefined, 'http-thread', 'http-thread', 'http-thread'],
    [undefined, 'executor-thread', 'executor-thread', 'executor-thread'],
    [undefined, 'executor-process', 'executor-process', 'executor-process'],
    ['process', undefined, 'executor-process', 'executor-process'],
    ['process', 'http-thread', 'executor-process', 'executor-process'],
    ['thread', undefined, 'http-thread', 'executor-thread'],
    ['thread', 'executor-thread', 'executor-thread', 'executor-thread'],
    ['thread', 'executor-process', 'http-thread', 'executor-thread'],
  ])('takes isolation %s of the pipeline before placement %s of the host', (isolation, placement, ofSmall, ofLarge) => {
    expect(choosePlacement(small, false, { isolation, placement })).toBe(ofSmall);
    expect(choosePlacement(large, false, { isolation, placement })).toBe(ofLarge);
  });
});

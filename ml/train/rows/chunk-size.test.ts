import { describe, expect, it } from '@jest/globals';
import { ChunkSize } from './chunk-size.js';

describe('ChunkSize', () => {
  it('begins with one step and grows by steps until a call takes the target', () => {
    const chunks = new ChunkSize(500);
    const sizes: number[] = [];
    for (let call = 0; call < 6; call++) {
      const steps = chunks.next(10_000);
      sizes.push(steps);
      chunks.observe(steps, steps * 2);
    }
    expect(sizes).toEqual([1, 4, 16, 64, 250, 250]);
  });

  it('shrinks at once when the machine slows down, never below one step', () => {
    const chunks = new ChunkSize(500);
    chunks.observe(1, 1);
    chunks.observe(4, 2000);
    expect(chunks.next(100)).toBe(1);
    chunks.observe(1, 9000);
    expect(chunks.next(100)).toBe(1);
  });

  it('never passes the steps that remain', () => {
    const chunks = new ChunkSize(500);
    for (let call = 0; call < 8; call++) chunks.observe(1000, 1);
    expect(chunks.next(17)).toBe(17);
  });
});

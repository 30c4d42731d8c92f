import { expect, test } from '@jest/globals';
import { gatherRows } from './gather-rows.js';

test.each([1, 3, 47, 48, 784])('copies rows of %i numbers in the order that is asked for', (width) => {
  const from = Float32Array.from({ length: 10 * width }, (_, i) => i);
  const rows = Int32Array.of(9, 0, 4, 4);
  const into = new Float32Array(rows.length * width + 1).fill(-1);
  gatherRows(from, width, rows, into);
  const expected = Array.from(rows, (row) => Array.from({ length: width }, (_, i) => row * width + i)).flat();
  expect(Array.from(into)).toEqual([...expected, -1]);
});

test('reads shared memory, and bytes', () => {
  const from = new Uint8Array(new SharedArrayBuffer(6));
  from.set([1, 2, 3, 4, 5, 6]);
  const into = new Uint8Array(4);
  gatherRows(from, 2, Int32Array.of(2, 0), into);
  expect(Array.from(into)).toEqual([5, 6, 1, 2]);
});

import { expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import { isPacked, packRows } from './packed-rows.js';

const feature = (name: string, size: number) => ({ name, size, dimension: 2 }) as const;
const layout: FeatureLayout = { categorical: [feature('origin', 9), feature('hour', 2 ** 24)], numeric: ['distance'] };

test('a packed row holds its indices, its numbers and its target, each exactly', () => {
  const data = {
    rows: 2,
    categorical: Int32Array.of(8, 2 ** 24 - 1, 0, 3),
    numeric: Float32Array.of(0.1, -7),
    target: Float32Array.of(1, 0),
  };
  expect([...packRows(layout, data)]).toEqual([8, 2 ** 24 - 1, Math.fround(0.1), 1, 0, 3, -7, 0]);
});

test('rows are packed where they are short, have categories, and every index is exact in float32', () => {
  expect(isPacked(layout)).toBe(true);
  expect(isPacked({ categorical: [], numeric: ['distance'] })).toBe(false);
  expect(isPacked({ ...layout, categorical: [feature('user', 2 ** 24 + 1)] })).toBe(false);
  expect(isPacked({ ...layout, numeric: Array.from({ length: 16 }, (_, i) => `x${i}`) })).toBe(false);
  expect(isPacked({ ...layout, image: { name: 'image', height: 2, width: 2, channels: 1 } })).toBe(false);
});

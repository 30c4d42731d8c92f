import { describe, expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../../contracts/dataset.js';
import type { EncodedData } from '../../engine.js';
import { matrixShapes, SharedRows } from './shared-rows.js';

const packed: FeatureLayout = { categorical: [{ name: 'origin', size: 5, dimension: 2 }], numeric: ['distance'] };
const image: FeatureLayout = { categorical: [], numeric: ['size'], image: { name: 'image', height: 2, width: 2, channels: 1 } };

describe('SharedRows', () => {
  test('lays the columns of a packed row beside each other', () => {
    const data: EncodedData = {
      rows: 2,
      categorical: Int32Array.of(3, 4),
      numeric: Float32Array.of(0.5, 1.5),
      target: Float32Array.of(1, 0),
    };
    expect(matrixShapes(packed)).toEqual([{ name: 'packed', type: 'float32', width: 3 }]);
    expect(new SharedRows().take(packed, data).map((array) => Array.from(array))).toEqual([[3, 0.5, 1, 4, 1.5, 0]]);
  });

  const images = (rows: number): EncodedData => ({
    rows,
    numeric: Float32Array.from({ length: rows }, (_, i) => i),
    image: Uint8Array.from({ length: 4 * rows }, (_, i) => i),
    target: Float32Array.from({ length: rows }, (_, i) => i % 2),
  });

  test('puts every other matrix into shared memory, in the order of the shapes', () => {
    const taken = new SharedRows().take(image, images(3));
    expect(matrixShapes(image).map(({ name }) => name)).toEqual(['numeric', 'image', 'target']);
    expect(taken.map((array) => Array.from(array))).toEqual([
      [0, 1, 2],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      [0, 1, 0],
    ]);
    for (const array of taken) expect(array.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('uses its memory again for rows that fit into it', () => {
    const rows = new SharedRows();
    const first = rows.take(image, images(3));
    const fewer = rows.take(image, images(2));
    fewer.forEach(({ buffer }, i) => expect(buffer).toBe(first[i].buffer));
    expect(fewer.map(({ length }) => length)).toEqual([2, 8, 2]);
    const more = rows.take(image, images(4));
    more.forEach(({ buffer }, i) => expect(buffer).not.toBe(first[i].buffer));
  });

  test('leaves where they are rows that the caller shares already', () => {
    const data = images(2);
    const numeric = new Float32Array(new SharedArrayBuffer(8));
    expect(new SharedRows().take(image, { ...data, numeric })[0]).toBe(numeric);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ImageInput } from '../../../contracts/image-input.js';
import { readImageValue } from './image-value.js';

const input = (channels: 1 | 3, range: ImageInput['range']): ImageInput => ({
  name: 'picture',
  type: 'uint8',
  columnType: 'image',
  nullable: false,
  height: 3,
  width: 2,
  channels,
  range,
});

function read(of: ImageInput, value: unknown): Uint8Array | undefined {
  const into = new Uint8Array(3 * 2 * of.channels);
  return readImageValue(of, value, into) ? into : undefined;
}

function nest(flat: readonly number[], length: number): number[][] {
  return Array.from({ length: flat.length / length }, (_, i) => flat.slice(i * length, (i + 1) * length));
}

const bytesOf = (channels: 1 | 3) => fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 6 * channels, maxLength: 6 * channels });

describe('an image of a caller', () => {
  it('is the same in every form', () => {
    fc.assert(
      fc.property(bytesOf(3), (flat) => {
        const of = input(3, [0, 255]);
        const expected = Uint8Array.from(flat);
        const pixels = nest(flat, 3);
        for (const value of [flat, [pixels.slice(0, 2), pixels.slice(2, 4), pixels.slice(4)], Buffer.from(expected).toString('base64')])
          expect(read(of, value)).toEqual(expected);
      }),
    );
    fc.assert(
      fc.property(bytesOf(1), (flat) => {
        expect(read(input(1, [0, 255]), nest(flat, 2))).toEqual(Uint8Array.from(flat));
        const floats = flat.map((byte) => byte / 255);
        expect(read(input(1, [0, 1]), floats)).toEqual(Uint8Array.from(flat));
        expect(read(input(1, [0, 1]), [...Float32Array.from(floats)])).toEqual(Uint8Array.from(flat));
      }),
    );
  });

  it.each([
    ['a number that is none', [0, 1, 2, 3, 4, Number.NaN]],
    ['a hole', [0, 1, 2, 3, 4, null]],
    ['a number above the range', [0, 1, 2, 3, 4, 255.1]],
    ['a number below it', [0, 1, 2, 3, 4, -0.1]],
    ['rows of different lengths', [[0, 1, 2], [3], [4, 5]]],
    [
      'pixels of too many channels',
      [
        [
          [0, 1],
          [2, 3],
        ],
        [
          [4, 5],
          [6, 7],
        ],
        [
          [8, 9],
          [10, 11],
        ],
      ],
    ],
    ['nothing', undefined],
    ['an object', { length: 6 }],
    ['base64 of too few bytes', 'AAAAAAA='],
    ['text of the right length that is no base64', '????????'],
  ])('is refused with %s', (_name, value) => {
    expect(read(input(1, [0, 255]), value)).toBeUndefined();
  });
});

import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type { ImageAugmentationSpec } from '../../../contracts/pipeline.js';
import { randomKeys } from '../../models/random-keys.js';
import { cpuBackend } from '../engines/tfjs-backend.js';
import { augmentImages } from './augment-images.js';

beforeAll(() => cpuBackend.use());

type Image = number[][];

/** The same image many times, augmented; one channel. */
function augment(image: Image, options: ImageAugmentationSpec, count = 400, step = 0): Image[] {
  return tf.tidy(() => {
    const [height, width] = [image.length, image[0].length];
    const images = tf.tile(tf.tensor4d(image.flat(), [1, height, width, 1]), [count, 1, 1, 1]) as tf.Tensor4D;
    const keys = tf.tensor1d(randomKeys(3, step, 6), 'int32');
    return tf.reshape(augmentImages(images, options, keys, 5), [count, height, width]).arraySync() as Image[];
  });
}

const numbered: Image = [
  [1, 2, 3],
  [4, 5, 6],
];
const rounded = (image: Image) => image.map((row) => row.map((value) => Math.round(value * 1e3) / 1e3)).join(';');
const shareOf = (images: Image[], is: (image: Image) => boolean) => images.filter(is).length / images.length;
const half = (share: number, count: number) => expect(Math.abs(share - 0.5)).toBeLessThan(2 / Math.sqrt(count));

describe('images', () => {
  test.each([
    ['horizontal', ['1,2,3;4,5,6', '3,2,1;6,5,4']],
    ['vertical', ['1,2,3;4,5,6', '4,5,6;1,2,3']],
    ['both', ['1,2,3;4,5,6', '3,2,1;6,5,4', '4,5,6;1,2,3', '6,5,4;3,2,1']],
  ] as const)('are mirrored half of the time: %s', (flip, expected) => {
    const made = augment(numbered, { flip }).map(rounded);
    expect(new Set(made)).toEqual(new Set(expected));
    for (const one of expected) {
      const share = made.filter((image) => image === one).length / made.length;
      expect(Math.abs(share - 1 / expected.length)).toBeLessThan(0.1);
    }
  });

  test('are shifted evenly to both sides, by no more than the fraction', () => {
    const dot: Image = Array.from({ length: 21 }, (_, y) => Array.from({ length: 11 }, (_, x) => Number(y === 10 && x === 5)));
    const centre = (image: Image) => {
      let [x, y] = [0, 0];
      image.forEach((row, i) => row.forEach((value, j) => ([y, x] = [y + value * (i - 10), x + value * (j - 5)])));
      return { x, y };
    };
    const places = augment(dot, { shift: 0.2 }).map(centre);
    for (const [axis, size] of [
      ['x', 11],
      ['y', 21],
    ] as const) {
      const values = places.map((place) => place[axis]);
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.2 * size + 1e-4);
      expect(Math.max(...values)).toBeGreaterThan(0.18 * size);
      expect(Math.min(...values)).toBeLessThan(-0.18 * size);
      half(values.filter((value) => value > 0).length / values.length, values.length);
    }
  });

  test('are cropped to a part that lies within them, and enlarged', () => {
    const ones: Image = Array.from({ length: 12 }, () => Array.from({ length: 12 }, () => 1));
    for (const image of augment(ones, { crop: 0.5 })) expect(Math.min(...image.flat())).toBeGreaterThan(0.49);
    // A slope of one a pixel becomes flatter by the scale, and shows no value from outside.
    const slope: Image = Array.from({ length: 12 }, () => Array.from({ length: 12 }, (_, x) => x));
    const scales = augment(slope, { crop: 0.5 }).map((image) => image[6][7] - image[6][6]);
    expect(Math.min(...scales)).toBeGreaterThan(0.49);
    expect(Math.max(...scales)).toBeLessThan(1.01);
    expect(scales.reduce((sum, scale) => sum + scale, 0) / scales.length).toBeCloseTo(0.75, 1);
  });

  test('are turned about their middle by no more than the angle, without being distorted where they are not square', () => {
    const [height, width] = [15, 31];
    const dot: Image = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => Number(y === 7 && x === 20)));
    const angles = augment(dot, { rotate: 40 }).map((image) => {
      let [x, y] = [0, 0];
      image.forEach((row, i) => row.forEach((value, j) => ([y, x] = [y + value * (i - 7), x + value * (j - 15)])));
      const mass = image.flat().reduce((sum, value) => sum + value, 0);
      expect(Math.abs(Math.hypot(x, y) / mass - 5)).toBeLessThan(0.3);
      return (Math.atan2(y, x) * 180) / Math.PI;
    });
    expect(Math.max(...angles.map(Math.abs))).toBeLessThan(45);
    expect(Math.max(...angles)).toBeGreaterThan(35);
    expect(Math.min(...angles)).toBeLessThan(-35);
    half(angles.filter((angle) => angle > 0).length / angles.length, angles.length);
  });

  test('have a rectangle of the fraction of their sides cut out, anywhere', () => {
    const ones: Image = Array.from({ length: 20 }, () => Array.from({ length: 10 }, () => 1));
    const images = augment(ones, { cutOut: 0.3 });
    const covered = Array.from({ length: 20 }, () => Array.from({ length: 10 }, () => 0));
    for (const image of images) {
      const rows = image.flatMap((row, y) => (row.includes(0) ? [y] : []));
      const columns = image[0].flatMap((_, x) => (image.some((row) => row[x] === 0) ? [x] : []));
      expect(rows.length).toBeLessThanOrEqual(6);
      expect(columns.length).toBeLessThanOrEqual(3);
      expect(image.flat().filter((value) => value === 0)).toHaveLength(rows.length * columns.length);
      for (const y of rows) for (const x of columns) covered[y][x]++;
    }
    expect(Math.min(...covered.flat())).toBeGreaterThan(0);
    expect(shareOf(images, (image) => image.flat().filter((value) => value === 0).length === 18)).toBeGreaterThan(0.4);
  });

  test('are changed alike in the same step, otherwise in another, and each on its own', () => {
    const options: ImageAugmentationSpec = { flip: 'both', shift: 0.1, crop: 0.2, rotate: 10, cutOut: 0.2 };
    expect(augment(numbered, options, 20)).toEqual(augment(numbered, options, 20));
    expect(augment(numbered, options, 20)).not.toEqual(augment(numbered, options, 20, 1));
    expect(new Set(augment(numbered, options, 20).map(rounded)).size).toBeGreaterThan(15);
  });

  test('keep their mirroring when something is added', () => {
    const mirrored = augment(numbered, { flip: 'horizontal' }).map((image) => image[0][0] > image[0][2]);
    const cut = augment(numbered, { flip: 'horizontal', shift: 0.01 }).map((image) => image[0][0] > image[0][2]);
    expect(cut).toEqual(mirrored);
  });
});

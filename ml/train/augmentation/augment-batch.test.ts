import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { randomKeys } from '../../models/random-keys.js';
import { cpuBackend } from '../engines/tfjs-backend.js';
import { augmentBatch, augmentationStreams } from './augment-batch.js';
import type { AugmentationPlan } from './augmentation-plan.js';

await cpuBackend.use();

const [rows, numbers, categories] = [400, 5, 4];
/** Every value tells its row and column. */
const original = {
  numeric: Float32Array.from({ length: rows * numbers }, (_, i) => i / numbers),
  categorical: Int32Array.from({ length: rows * categories }, (_, i) => 1 + i),
  target: Float32Array.from({ length: rows }, (_, row) => row),
};

function augment(plan: AugmentationPlan, step = 0, firstStream = 0) {
  return tf.tidy(() => {
    const keys = tf.tensor1d(randomKeys(7, step, firstStream + augmentationStreams(plan)), 'int32');
    const batch = {
      numeric: tf.tensor2d(original.numeric, [rows, numbers]),
      categorical: tf.tensor2d(original.categorical, [rows, categories], 'int32'),
      target: tf.tensor1d(original.target),
    };
    const { numeric, categorical, target, mixed } = augmentBatch(plan, batch, keys, firstStream);
    return {
      numeric: numeric!.dataSync() as Float32Array,
      categorical: categorical!.dataSync() as Int32Array,
      target: target.dataSync() as Float32Array,
      partner: mixed?.partner.dataSync() as Float32Array | undefined,
      share: mixed?.share.dataSync() as Float32Array | undefined,
    };
  });
}

/** Of several steps together. */
function overSteps<T>(steps: number, collect: (step: number) => readonly T[]): T[] {
  return Array.from({ length: steps }, (_, step) => collect(step)).flat();
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('jitter', () => {
  const plan: AugmentationPlan = { jitter: [1, 10, 0, 1, 1] };
  const noise = overSteps(20, (step) => [...augment(plan, step).numeric].map((value, i) => value - original.numeric[i]));
  const column = (k: number) => noise.filter((_, i) => i % numbers === k);

  test.each([
    [0, 1],
    [1, 10],
    [3, 1],
    [4, 1],
  ])('of column %d is normal with deviation %d', (k, deviation) => {
    const scaled = column(k).map((value) => value / deviation);
    const tolerance = 4 / Math.sqrt(scaled.length);
    expect(Math.abs(mean(scaled))).toBeLessThan(tolerance);
    expect(Math.abs(mean(scaled.map((z) => z ** 2)) - 1)).toBeLessThan(tolerance * Math.sqrt(2));
    expect(Math.abs(mean(scaled.map((z) => z ** 3)))).toBeLessThan(tolerance * Math.sqrt(15));
    expect(Math.abs(mean(scaled.map((z) => z ** 4)) - 3)).toBeLessThan(tolerance * Math.sqrt(96));
    expect(Math.abs(mean(scaled.map((z) => Number(Math.abs(z) < 1))) - 0.6827)).toBeLessThan(tolerance * 0.5);
  });

  test('leaves a column without a deviation as it is, and does not go together in two columns', () => {
    expect(column(2).every((value) => value === 0)).toBe(true);
    const products = column(0).map((value, i) => value * column(3)[i]);
    expect(Math.abs(mean(products))).toBeLessThan(4 / Math.sqrt(products.length));
  });

  test('is the same again in the same step, and another in another', () => {
    expect(augment(plan, 3)).toEqual(augment(plan, 3));
    expect(augment(plan, 3).numeric).not.toEqual(augment(plan, 4).numeric);
  });
});

describe('feature dropout', () => {
  const plan: AugmentationPlan = { featureDropout: { rate: 0.3, fill: [-1, -2, null, -4, -5] } };
  const steps = Array.from({ length: 10 }, (_, step) => augment(plan, step));

  test('puts its share of the numbers to their fill, and leaves a column without one as it is', () => {
    for (let k = 0; k < numbers; k++) {
      const values = steps.flatMap(({ numeric }) => [...numeric].filter((_, i) => i % numbers === k));
      const dropped = values.filter((value) => value === -(k + 1)).length;
      if (k === 2) expect(dropped).toBe(0);
      else expect(Math.abs(dropped / values.length - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / values.length));
    }
    for (const { numeric } of steps)
      expect(numeric.every((value, i) => value === original.numeric[i] || value === -((i % numbers) + 1))).toBe(true);
  });

  test('puts its share of the categories into the bucket of the missing', () => {
    const values = steps.flatMap(({ categorical }) => [...categorical]);
    const dropped = values.filter((value) => value === 0).length / values.length;
    expect(Math.abs(dropped - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / values.length));
    for (const { categorical } of steps)
      expect(categorical.every((value, i) => value === 0 || value === original.categorical[i])).toBe(true);
  });
});

describe('mixup', () => {
  const steps = Array.from({ length: 10 }, (_, step) => augment({ mixup: 0.4 }, step));

  test('takes shares from the Beta distribution, the larger one for the own row', () => {
    const shares = steps.flatMap(({ share }) => [...share!]);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1);
    // Variance of Beta(0.4, 0.4) about ½.
    const squares = shares.map((share) => (share - 0.5) ** 2);
    expect(Math.abs(mean(squares) - 1 / (4 * 1.8))).toBeLessThan((4 * 0.1) / Math.sqrt(shares.length));
  });

  test('mixes the numbers of a row with those of the next, and tells whose target to mix with', () => {
    for (const { numeric, target, partner, share } of steps) {
      expect(target).toEqual(original.target);
      expect([...partner!]).toEqual([...target].map((row) => (row + 1) % rows));
      const isMixed = numeric.every((value, i) => {
        const [own, next] = [original.numeric[i], original.numeric[(i + numbers) % (rows * numbers)]];
        const part = share![Math.floor(i / numbers)];
        return Math.abs(value - (part * own + (1 - part) * next)) < 1e-4;
      });
      expect(isMixed).toBe(true);
    }
  });

  test('takes a category from the next row as often as that row has a share', () => {
    let [taken, wanted, strangers] = [0, 0, 0];
    for (const { categorical, share } of steps) {
      categorical.forEach((value, i) => {
        const next = (i + categories) % (rows * categories);
        strangers += Number(value !== original.categorical[i] && value !== original.categorical[next]);
        taken += Number(value === original.categorical[next]);
        wanted += 1 - share![Math.floor(i / categories)];
      });
    }
    expect(strangers).toBe(0);
    expect(Math.abs(taken - wanted) / (10 * rows * categories)).toBeLessThan(0.02);
  });

  test('of a batch of one row leaves it as it is', () => {
    const numeric = tf.tensor2d([[1, 2]]);
    const keys = tf.tensor1d(randomKeys(7, 0, 6), 'int32');
    const alone = augmentBatch({ mixup: 1 }, { numeric, target: tf.tensor1d([1]) }, keys, 0);
    expect([...alone.numeric!.dataSync()]).toEqual([1, 2]);
  });
});

test('an option that is added, and layers that drop units before it, change no numbers of the others', () => {
  const jitter = [1, 1, 1, 1, 1];
  const alone = augment({ jitter });
  const beside = augment({ jitter, featureDropout: { rate: 0.5, fill: [null, null, null, null, null] } });
  expect(beside.numeric).toEqual(alone.numeric);
  expect(augment({ jitter }, 0, 2).numeric).not.toEqual(alone.numeric);
});

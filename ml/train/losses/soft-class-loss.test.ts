import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import { createRandom } from '../../models/random.js';
import { cpuBackend } from '../engines/tfjs-backend.js';
import { type BatchTarget, type LossOptions, trainingLoss } from './loss.js';
import { softClassLoss } from './soft-class-loss.js';

beforeAll(() => cpuBackend.use());

/** The textbook formula in float64. */
function reference(logits: readonly number[], weights: readonly number[], gamma: number): number {
  const all = logits.length === 1 ? [0, logits[0]] : logits;
  const total = all.reduce((sum, x) => sum + Math.exp(x), 0);
  return all.reduce((sum, x, k) => {
    const p = Math.exp(x) / total;
    return sum - weights[k] * (1 - p) ** gamma * Math.log(p);
  }, 0);
}

const random = createRandom(5);
const draw = (rows: number, columns: number, low: number, high: number) =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => low + random() * (high - low)));

const cases = [1, 4].flatMap((outputs) => [0, 0.5, 1, 2, 5].map((gamma) => ({ outputs, gamma })));

describe('the loss of labels that are spread over classes', () => {
  test.each(cases)('is the textbook formula, $outputs outputs, gamma $gamma', ({ outputs, gamma }) => {
    const [logits, weights] = [draw(20, outputs, -4, 4), draw(20, Math.max(2, outputs), 0, 2)];
    const losses = softClassLoss(tf.tensor2d(logits), tf.tensor2d(weights), gamma).dataSync();
    logits.forEach((row, i) => {
      const expected = reference(row, weights[i], gamma);
      expect(Math.abs(losses[i] - expected)).toBeLessThan(2e-6 * Math.max(1, expected));
    });
  });

  test.each(cases)('has the slope of that formula, $outputs outputs, gamma $gamma', ({ outputs, gamma }) => {
    const [logits, weights] = [draw(20, outputs, -4, 4), draw(20, Math.max(2, outputs), 0, 2)];
    const gradient = tf.grad((x) => tf.sum(softClassLoss(x as tf.Tensor2D, tf.tensor2d(weights), gamma)))(tf.tensor2d(logits));
    const slopes = gradient.arraySync() as number[][];
    logits.forEach((row, i) =>
      row.forEach((_, k) => {
        const at = (by: number) =>
          reference(
            row.map((x, j) => (j === k ? x + by : x)),
            weights[i],
            gamma,
          );
        expect(slopes[i][k]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 5);
      }),
    );
  });

  test.each(cases)('has the gradient that tfjs derives of the naive form, $outputs outputs, gamma $gamma', ({ outputs, gamma }) => {
    const [logits, weights] = [draw(20, outputs, -3, 3), draw(20, Math.max(2, outputs), 0, 2)];
    const naive = (x: tf.Tensor): tf.Tensor => {
      const p = tf.softmax(outputs === 1 ? tf.concat([tf.zerosLike(x), x], 1) : x);
      return tf.neg(tf.sum(tf.mul(tf.mul(tf.tensor2d(weights), tf.pow(tf.sub(1, p), gamma)), tf.log(p))));
    };
    const derived = tf.grad(naive)(tf.tensor2d(logits)).dataSync();
    const written = tf
      .grad((x) => tf.sum(softClassLoss(x as tf.Tensor2D, tf.tensor2d(weights), gamma)))(tf.tensor2d(logits))
      .dataSync();
    derived.forEach((value, i) => expect(written[i]).toBeCloseTo(value, 4));
  });

  test.each([0, 0.5, 2])('is finite, with its gradient, for logits that are certain, right or wrong, gamma %d', (gamma) => {
    for (const [logits, right] of [
      [[[500], [-500]], 0],
      [
        [
          [500, -500, 0],
          [-500, 500, 0],
        ],
        1,
      ],
    ] as const) {
      const labels = tf.oneHot([right, right], Math.max(2, logits[0].length), 1, 0, 'float32') as tf.Tensor2D;
      const x = tf.tensor2d(logits.map((row) => [...row]));
      const losses = softClassLoss(x, labels, gamma).dataSync();
      const gradient = tf
        .grad((y) => tf.sum(softClassLoss(y as tf.Tensor2D, labels, gamma)))(x)
        .dataSync();
      expect([...losses, ...gradient].every(Number.isFinite)).toBe(true);
      expect(losses[0]).toBeGreaterThanOrEqual(500);
      expect(Math.abs(losses[1])).toBeLessThan(1e-6);
      expect(Math.max(...gradient)).toBeGreaterThan(0.9);
      expect(Math.max(...gradient)).toBeLessThan(1.1);
    }
  });
});

describe('the training loss', () => {
  const logits = [
    [0.3, 1, -2],
    [2, 2, 2.5],
    [-1, 0, 1],
  ];
  const target = [2, 0, 1];
  const value = (options: LossOptions, batch: Partial<BatchTarget> = {}, scores = logits, labels = target) =>
    trainingLoss(options, tf.tensor2d(scores), { target: tf.tensor1d(labels), ...batch }).dataSync()[0];
  const multiclass: LossOptions = { task: 'multiclass' };

  test('of focal loss with gamma 0 is the cross-entropy', () => {
    expect(value({ ...multiclass, loss: { kind: 'focal', gamma: 0 } })).toBeCloseTo(value(multiclass), 6);
    const weighted: LossOptions = { ...multiclass, classWeights: [1, 2, 7] };
    expect(value({ ...weighted, loss: { kind: 'focal', gamma: 0 } })).toBeCloseTo(value(weighted), 6);
  });

  test('of a binary focal loss weighs the classes by alpha', () => {
    const options: LossOptions = { task: 'binary', loss: { kind: 'focal', gamma: 2, alpha: 0.25 } };
    const expected = (0.25 * reference([0.4], [0, 1], 2) + 0.75 * reference([-1.3], [1, 0], 2)) / 2;
    expect(value(options, {}, [[0.4], [-1.3]], [1, 0])).toBeCloseTo(expected, 6);
  });

  test('of smoothed labels gives each class its part of what was taken away', () => {
    const expected =
      logits.reduce(
        (sum, row, i) =>
          sum +
          reference(
            row,
            [0, 1, 2].map((k) => (k === target[i] ? 0.8 : 0.1)),
            0,
          ),
        0,
      ) / 3;
    expect(value({ ...multiclass, labelSmoothing: 0.3 })).toBeCloseTo(expected, 6);
  });

  test('of mixed rows is the mixture of their losses, weighted by their classes', () => {
    const mixed = { partner: tf.tensor1d([0, 1, 1]), share: tf.tensor1d([0.7, 0.6, 1]) };
    const classWeights = [1, 2, 7];
    let [sum, weights] = [0, 0];
    logits.forEach((row, i) => {
      for (const [label, share] of [
        [target[i], [0.7, 0.6, 1][i]],
        [[0, 1, 1][i], [0.3, 0.4, 0][i]],
      ]) {
        weights += share * classWeights[label];
        sum +=
          share *
          classWeights[label] *
          reference(
            row,
            [0, 1, 2].map((k) => Number(k === label)),
            0,
          );
      }
    });
    expect(value({ ...multiclass, classWeights }, { mixed })).toBeCloseTo(sum / weights, 6);
  });

  test('of mixed values compares with the mixture', () => {
    const mixed = { partner: tf.tensor1d([3]), share: tf.tensor1d([0.75]) };
    expect(value({ task: 'regression' }, { mixed }, [[1]], [-1])).toBeCloseTo(1, 6);
  });

  test.each([
    [{ kind: 'huber', delta: 0.5 }, [0.02, 0.375, 1.875], [0.2, 0.5, -0.5]],
    [{ kind: 'absolute' }, [0.2, 1, 4], [1, 1, -1]],
    [{ kind: 'squared' }, [0.04, 1, 16], [0.4, 2, -8]],
  ] as const)('and its gradient for a value: %j', (loss, losses, slopes) => {
    const options: LossOptions = { task: 'regression', loss };
    [0.2, 1, -4].forEach((error, i) => {
      expect(value(options, {}, [[error]], [0])).toBeCloseTo(losses[i], 6);
      const gradient = tf.grad((x) => trainingLoss(options, x as tf.Tensor2D, { target: tf.tensor1d([0]) }))(tf.tensor2d([[error]]));
      expect(gradient.dataSync()[0]).toBeCloseTo(slopes[i], 6);
    });
  });
});

import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { cpuBackend } from './engines/tfjs-backend.js';
import { adamW, stepScalars } from './optimizer.js';

beforeAll(() => cpuBackend.use());

/** Algorithm 2 of the paper as it stands there, in float64, for one parameter. */
function reference(
  gradients: number[],
  start: number,
  rate: number,
  beta1: number,
  beta2: number,
  epsilon: number,
  decay: number,
): number[] {
  let [x, m, v] = [start, 0, 0];
  return gradients.map((g, i) => {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const corrected = m / (1 - beta1 ** (i + 1)) / (Math.sqrt(v / (1 - beta2 ** (i + 1))) + epsilon);
    x -= rate * corrected + rate * decay * x;
    return x;
  });
}

describe('AdamW', () => {
  test.each([0, 0.1])('follows the published algorithm with weight decay %d', (weightDecay) => {
    const optimizer = { beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay };
    const gradients = [0.5, -0.2, 1e-3, 0.7, 0];
    const expected = reference(gradients, 0.4, 0.05, 0.8, 0.95, 1e-3, weightDecay);
    let state = { parameters: tf.tensor1d([0.4]), firstMoment: tf.tensor1d([0]), secondMoment: tf.tensor1d([0]) };
    gradients.forEach((gradient, i) => {
      state = adamW(state, tf.tensor1d([gradient]), tf.tensor1d(stepScalars(optimizer, 0.05, i + 1)), optimizer);
      expect(state.parameters.dataSync()[0]).toBeCloseTo(expected[i], 6);
    });
  });

  test('does not move a parameter that never had a gradient', () => {
    const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 };
    const state = { parameters: tf.tensor1d([0.4]), firstMoment: tf.tensor1d([0]), secondMoment: tf.tensor1d([0]) };
    const next = adamW(state, tf.tensor1d([0]), tf.tensor1d(stepScalars(optimizer, 0.05, 1)), optimizer);
    expect([...next.parameters.dataSync()]).toEqual([...state.parameters.dataSync()]);
  });
});

import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers';
import { cpuBackend } from '../engines/tfjs-backend.js';
import { stateOf, stateVectors } from '../checkpoint/engine-state.js';
import { averaged, optimize, type OptimizedVectors, stepScalars } from './optimizer.js';
import type { OptimizerPlan } from './optimizer-plan.js';

beforeAll(async () => {
  await cpuBackend.use();
  cpuBackend.activate();
});

/** A matrix and a bias, so that what decays matrices alone has something to leave out. */
const network = {
  parameters: [
    { name: 'kernel', shape: [1, 2], size: 2, offset: 0 },
    { name: 'bias', shape: [1], size: 1, offset: 2 },
  ],
  parameterCount: 3,
  trainedCount: 3,
};
const start = [0.4, -1.5, 2];
const steps = 50;
const rateOf = (step: number): number => 0.05 / step;

/** Of a badly scaled bowl, so that no two elements move alike. */
const gradientAt = (x: readonly number[]): number[] => [x[0] - 1, 20 * (x[1] + 0.3), 0.1 * x[2] ** 3];

function follow(optimizer: OptimizerPlan, count = steps): number[] {
  let state: OptimizedVectors = stateOf(stateVectors(optimizer, network), ({ name, size }) =>
    name === 'parameters' || name === 'average' ? tf.tensor1d(start) : tf.zeros<tf.Rank.R1>([size]),
  );
  for (let step = 1; step <= count; step++) {
    const gradient = tf.tensor1d(gradientAt([...state.parameters.dataSync()]));
    state = optimize(optimizer, network, state, gradient, tf.tensor1d(stepScalars(optimizer, rateOf(step), step)));
  }
  return [...state.parameters.dataSync()];
}

function expectNear(actual: number[], expected: number[]): void {
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
}

/** TensorFlow.js' own optimizer with the same gradients and rates. */
function followTfjs(create: (rate: number) => tf.Optimizer, count: number): number[] {
  const x = tf.variable(tf.tensor1d(start), true, `x${Math.random()}`);
  const optimizer = create(rateOf(1));
  for (let step = 1; step <= count; step++) {
    // What a step reads: a scalar of the one family, a number of the other.
    if ('setLearningRate' in optimizer) (optimizer as tf.SGDOptimizer).setLearningRate(rateOf(step));
    else (optimizer as unknown as { learningRate: number }).learningRate = rateOf(step);
    optimizer.applyGradients({ [x.name]: tf.tensor1d(gradientAt([...x.dataSync()])) });
  }
  return [...x.dataSync()];
}

const moments = { beta1: 0.8, beta2: 0.95, epsilon: 1e-3 };
const adam = { ...moments, weightDecay: 0 };

describe.each([1, steps])('after %i steps', (count) => {
  test.each<[string, OptimizerPlan, (rate: number) => tf.Optimizer]>([
    ['SGD', { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 }, (rate) => tf.train.sgd(rate)],
    ['momentum', { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 }, (rate) => tf.train.momentum(rate, 0.9)],
    ["Nesterov's momentum", { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0 }, (rate) => tf.train.momentum(rate, 0.9, true)],
    ['AdamW without weight decay', adam, (rate) => tf.train.adam(rate, 0.8, 0.95, 1e-3)],
    ['Adam', { ...adam, kind: 'adam' }, (rate) => tf.train.adam(rate, 0.8, 0.95, 1e-3)],
  ])('%s is where the optimizer of TensorFlow.js is', (_, optimizer, create) => {
    expectNear(follow(optimizer, count), followTfjs(create, count));
  });

  test.each(['all', 'matrices'] as const)('AdamW decays %s as published', (what) => {
    const optimizer: OptimizerPlan = { ...moments, weightDecay: 0.4, ...(what === 'matrices' ? { weightDecayOf: what } : {}) };
    let [x, m, v] = [start, [0, 0, 0], [0, 0, 0]];
    for (let step = 1; step <= count; step++) {
      const [g, rate] = [gradientAt(x), rateOf(step)];
      m = m.map((each, i) => 0.8 * each + 0.2 * g[i]);
      v = v.map((each, i) => 0.95 * each + 0.05 * g[i] ** 2);
      x = x.map((each, i) => {
        const decay = what === 'matrices' && i === 2 ? 0 : 0.4;
        return each - rate * (m[i] / (1 - 0.8 ** step) / (Math.sqrt(v[i] / (1 - 0.95 ** step)) + 1e-3) + decay * each);
      });
    }
    expectNear(follow(optimizer, count), x);
  });

  test.each(['all', 'matrices'] as const)('SGD and Adam add the decay of %s to the gradient', (what) => {
    const option = { weightDecay: 0.4, ...(what === 'matrices' ? { weightDecayOf: what } : {}) };
    const penalized = (x: number[]): number[] => gradientAt(x).map((g, i) => g + (what === 'matrices' && i === 2 ? 0 : 0.4) * x[i]);
    let x = start;
    for (let step = 1; step <= count; step++) x = x.map((each, i) => each - rateOf(step) * penalized(x)[i]);
    expectNear(follow({ kind: 'sgd', momentum: 0, nesterov: false, ...option }, count), x);
    let [y, m, v] = [start, [0, 0, 0], [0, 0, 0]];
    for (let step = 1; step <= count; step++) {
      const g = penalized(y);
      m = m.map((each, i) => 0.8 * each + 0.2 * g[i]);
      v = v.map((each, i) => 0.95 * each + 0.05 * g[i] ** 2);
      y = y.map((each, i) => each - (rateOf(step) * (m[i] / (1 - 0.8 ** step))) / (Math.sqrt(v[i] / (1 - 0.95 ** step)) + 1e-3));
    }
    expectNear(follow({ kind: 'adam', ...moments, ...option }, count), y);
  });

  test('gradients are cut by value, then shortened to the norm', () => {
    let x = start;
    for (let step = 1; step <= count; step++) {
      const g = gradientAt(x).map((each) => Math.max(-2, Math.min(2, each)));
      const factor = 1.5 / Math.max(1.5, Math.hypot(...g));
      x = x.map((each, i) => each - rateOf(step) * factor * g[i]);
    }
    expectNear(follow({ kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0, clipValue: 2, clipNorm: 1.5 }, count), x);
  });
});

test('a parameter that never had a gradient does not move', () => {
  const state = { parameters: tf.tensor1d(start), firstMoment: tf.zeros<tf.Rank.R1>([3]), secondMoment: tf.zeros<tf.Rank.R1>([3]) };
  const next = optimize(adam, network, state, tf.zeros([3]), tf.tensor1d(stepScalars(adam, 0.05, 1)));
  expect([...next.parameters.dataSync()]).toEqual([...state.parameters.dataSync()]);
});

test('an average keeps little of the first steps, and its share of itself later', () => {
  const plan: OptimizerPlan = { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0, averageDecay: 0.9 };
  expect(stepScalars(plan, 0.1, 1)).toEqual([0.1, 2 / 11]);
  expect(stepScalars(plan, 0.1, 1000)).toEqual([0.1, 0.9]);
  const next = averaged(tf.tensor1d([1, -2]), tf.tensor1d([3, 0.5]), tf.scalar(0.75));
  expectNear([...next.dataSync()], [0.75 * 1 + 0.25 * 3, 0.75 * -2 + 0.25 * 0.5]);
});

import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import type { Task } from '../../contracts/pipeline.js';
import { cpuBackend } from './engines/tfjs-backend.js';
import { trainingLoss } from './loss.js';

beforeAll(() => cpuBackend.use());

/** The textbook formulas in float64. */
function referenceLoss(task: Task, logits: number[][], target: number[], classWeights?: number[]): number {
  let total = 0;
  let weights = 0;
  logits.forEach((row, i) => {
    const weight = task === 'regression' ? 1 : (classWeights?.[target[i]] ?? 1);
    weights += weight;
    if (task === 'regression') total += (row[0] - target[i]) ** 2;
    else if (task === 'binary') {
      const probability = 1 / (1 + Math.exp(-row[0]));
      total -= weight * (target[i] * Math.log(probability) + (1 - target[i]) * Math.log(1 - probability));
    } else total += weight * (Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[target[i]]);
  });
  return total / weights;
}

const cases: readonly { task: Task; logits: number[][]; target: number[]; classWeights?: number[] }[] = [
  { task: 'binary', logits: [[0.3], [-1.2], [2.5]], target: [1, 0, 0] },
  { task: 'binary', logits: [[0.3], [-1.2], [2.5]], target: [1, 0, 0], classWeights: [0.6, 2.5] },
  {
    task: 'multiclass',
    logits: [
      [0.3, 1, -2],
      [2, 2, 2.5],
    ],
    target: [2, 0],
  },
  {
    task: 'multiclass',
    logits: [
      [0.3, 1, -2],
      [2, 2, 2.5],
    ],
    target: [2, 0],
    classWeights: [1, 2, 7],
  },
  { task: 'regression', logits: [[0.3], [-1.2]], target: [1.5, -3] },
];

describe('the training loss', () => {
  test.each(cases)(
    'is the weighted mean of the textbook formula: $task, weights $classWeights',
    ({ task, logits, target, classWeights }) => {
      const loss = trainingLoss({ task, classWeights }, tf.tensor2d(logits), { target: tf.tensor1d(target) }).dataSync()[0];
      expect(loss).toBeCloseTo(referenceLoss(task, logits, target, classWeights), 6);
    },
  );

  test.each(cases)('has the gradient of that formula: $task, weights $classWeights', ({ task, logits, target, classWeights }) => {
    const gradient = tf.grad((x) => trainingLoss({ task, classWeights }, x as tf.Tensor2D, { target: tf.tensor1d(target) }))(
      tf.tensor2d(logits),
    );
    const values = gradient.arraySync() as number[][];
    logits.forEach((row, i) =>
      row.forEach((_, j) => {
        const shifted = (by: number) => logits.map((r, k) => r.map((x, l) => (k === i && l === j ? x + by : x)));
        const slope =
          (referenceLoss(task, shifted(1e-5), target, classWeights) - referenceLoss(task, shifted(-1e-5), target, classWeights)) / 2e-5;
        expect(values[i][j]).toBeCloseTo(slope, 5);
      }),
    );
  });

  test('stays finite for logits that are certain, right or wrong', () => {
    const binary = trainingLoss({ task: 'binary' }, tf.tensor2d([[500], [-500]]), { target: tf.tensor1d([0, 0]) }).dataSync()[0];
    expect(binary).toBeCloseTo(250, 3);
    const multiclass = trainingLoss({ task: 'multiclass' }, tf.tensor2d([[500, -500]]), { target: tf.tensor1d([1]) }).dataSync()[0];
    expect(multiclass).toBeCloseTo(1000, 3);
  });
});

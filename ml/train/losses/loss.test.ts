import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import type { LossSpec, Task } from '../../../contracts/pipeline.js';
import { cpuBackend } from '../engines/tfjs-backend.js';
import { labelsOfBits } from './label-loss.js';
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

test('several labels: the mean of what each label would cost alone', () => {
  cpuBackend.activate();
  const logits = [
    [0.3, -2, 5],
    [-1.2, 0, 60],
  ];
  // Bits 0 and 2, and bit 1.
  const target = [5, 2];
  const loss = trainingLoss({ task: 'multilabel' }, tf.tensor2d(logits), { target: tf.tensor1d(target) }).dataSync()[0];
  const expected = logits.flatMap((row, i) => row.map((logit, k) => referenceLoss('binary', [[logit]], [(target[i] >> k) & 1])));
  // 60 of a label that is not there: −log(1 − p) is 60, where 1 − p rounds to nothing.
  expected[5] = 60;
  expect(loss).toBeCloseTo(expected.reduce((sum, each) => sum + each) / 6, 5);
});

test('24 labels, as many as a float32 holds, are read exactly from their bits', () => {
  cpuBackend.activate();
  const numbers = [0, 1, 0x80_0000, 0xff_ffff, 0xa5_5a5a];
  const labels = labelsOfBits(tf.tensor1d(numbers), 24).arraySync();
  expect(labels).toEqual(numbers.map((bits) => Array.from({ length: 24 }, (_, k) => (bits >>> k) & 1)));
});

test('quantiles: the pinball loss of each, whose gradient is the share of rows on the wrong side', () => {
  cpuBackend.activate();
  const loss: LossSpec = { kind: 'quantile', quantiles: [0.1, 0.5] };
  const logits = tf.tensor2d([
    [0, 1],
    [0, 1],
  ]);
  const batch = { target: tf.tensor1d([2, -1]) };
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => trainingLoss({ task: 'regression', loss }, x as tf.Tensor2D, batch))(logits);
  // Errors 2, 1 and −1, −2.
  expect(value.dataSync()[0]).toBeCloseTo((0.1 * 2 + 0.5 * 1 + 0.9 * 1 + 0.5 * 2) / 4, 6);
  [-0.1, -0.5, 0.9, 0.5].forEach((slope, i) => expect(grad.dataSync()[i]).toBeCloseTo(slope / 4, 6));
});

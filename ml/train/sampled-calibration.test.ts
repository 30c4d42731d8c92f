import { describe, expect, test } from '@jest/globals';
import type { TrainingSpec } from '../../contracts/pipeline.js';
import { applyCalibration } from '../evaluate/calibration/prediction-calibration.js';
import { createRandom } from '../models/random.js';
import type { EncodedData } from './engine.js';
import { onnxruntimeEngine } from './engines/onnxruntime.js';
import { train } from './trainer.js';
import { createTrainingPlan } from './training-plan.js';
import { ResidentRows } from './rows/training-rows.js';
import { residentSlices } from './rows/validation.js';

const layout = { categorical: [], numeric: ['a', 'b'] };

/** Classes of unequal size whose true probabilities are known: softmax of a linear rule. */
function makeData(rows: number, classes: number, seed: number): EncodedData & { readonly truth: Float64Array } {
  const random = createRandom(seed);
  const numeric = Float32Array.from({ length: 2 * rows }, () => 2 * random() - 1);
  const truth = new Float64Array(rows * classes);
  const target = Float32Array.from({ length: rows }, (_, row) => {
    const [a, b] = [numeric[2 * row], numeric[2 * row + 1]];
    const scores = [2, a, 1.5 * b - 1].slice(0, classes).map(Math.exp);
    const total = scores.reduce((sum, score) => sum + score, 0);
    let left = random();
    scores.forEach((score, k) => (truth[row * classes + k] = score / total));
    const label = scores.findIndex((score) => (left -= score / total) < 0);
    return label < 0 ? classes - 1 : label;
  });
  return { rows, numeric, target, truth };
}

const options: readonly Partial<TrainingSpec>[] = [
  { sampling: { kind: 'oversample', ratio: 1 } },
  { sampling: { kind: 'undersample', ratio: 0.8 } },
  { classWeights: 'balanced' },
  { sampling: { kind: 'oversample', ratio: 0.5 }, classWeights: 'balanced' },
];

describe.each([2, 3])('of %d classes of unequal size', (classes) => {
  const trainPart = makeData(6000, classes, 1);
  const validation = makeData(4000, classes, 2);
  const task = classes === 2 ? 'binary' : 'multiclass';

  test.each(options)('the exported probabilities are calibrated though training saw other shares: %j', async (option) => {
    const plan = createTrainingPlan(
      {
        model: { family: 'linear' },
        training: {
          engine: 'onnxruntime',
          epochs: 6,
          batchSize: 128,
          learningRate: 0.05,
          schedule: 'cosine',
          weightDecay: 0,
          classWeights: 'none',
          seed: 1,
          checkpointEverySeconds: 60,
          ...option,
        },
        primaryMetric: 'logLoss',
        task,
        classes,
        layout,
        trainingPrior: Array.from({ length: classes }, () => 1 / classes),
        dataDigest: 'd',
        threads: 1,
      },
      trainPart.target,
    );
    const session = await onnxruntimeEngine.open(plan.step, trainPart);
    const { state } = await train({
      plan,
      session,
      rows: new ResidentRows(plan, trainPart.rows, trainPart.target),
      validation: residentSlices(validation, layout),
      checkpointEveryMs: 60_000,
    });
    await session.setState({ ...state.state, parameters: state.best!.parameters });
    const predicted = applyCalibration(state.best!.calibration, await session.logits(validation), plan.step.outputs);
    await session.dispose();
    // The truth is known, so each probability is compared with it, not only their bins.
    const errors = Array.from(validation.target, (_, row) =>
      task === 'binary'
        ? Math.abs(predicted[row] - validation.truth[2 * row + 1])
        : Math.max(...[0, 1, 2].map((k) => Math.abs(predicted[3 * row + k] - validation.truth[3 * row + k]))),
    );
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.03);
    if (task === 'binary') expect(state.best!.metrics.ece).toBeLessThan(0.02);
  });
});

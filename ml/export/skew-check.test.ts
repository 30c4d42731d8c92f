import { describe, expect, it } from '@jest/globals';
import type { FittedTransform } from '../../contracts/dataset.js';
import type { FittedFeature } from '../../contracts/fitted-feature.js';
import { layoutOf } from '../data/transform/transform-kinds.js';
import { applyCalibration, type Calibration } from '../evaluate/calibration/prediction-calibration.js';
import { buildNetwork } from '../models/build-network.js';
import type { StepPlan } from '../train/engine.js';
import { tfjsCpuEngine } from '../train/engines/tfjs.js';
import { expectedScores } from '../monitor/expected-scores.js';
import { checkScores, checkSkew } from './skew-check.js';

const plan: StepPlan = {
  model: { family: 'mlp', hidden: [4], activation: 'relu' },
  layout: { categorical: [], numeric: ['a', 'b'] },
  task: 'binary',
  outputs: 1,
  batchSize: 2,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
  seed: 1,
  threads: 1,
};
const network = buildNetwork(plan.model, plan.layout, plan.outputs, plan.seed);
const parameters = network.initialParameters();
const encoded = { rows: 3, numeric: Float32Array.of(1, 2, -3, 0.5, 0, 4), target: new Float32Array(3) };
const sample = { instances: [{ a: 1 }, { a: -3 }, { a: 0 }], encoded };

async function logits(): Promise<Float32Array> {
  const session = await tfjsCpuEngine.open(plan, encoded);
  const moments = new Float32Array(parameters.length);
  await session.setState({ parameters, firstMoment: moments, secondMoment: moments });
  return session.logits(encoded);
}

const calibrations: readonly Calibration[] = [
  { kind: 'platt', slope: 1.5, intercept: -0.2 },
  { kind: 'standardization', mean: 50, scale: 10 },
];

describe('checkSkew', () => {
  it.each(calibrations)('accepts what the network predicts, and refuses what differs in the fourth digit ($kind)', async (calibration) => {
    const predicted = applyCalibration(calibration, await logits(), 1);
    const outputs = calibration.kind === 'platt' ? Array.from(predicted).flatMap((p) => [1 - p, p]) : [...predicted];
    await expect(checkSkew(network, plan, { parameters, calibration }, sample, outputs)).resolves.toBeUndefined();
    outputs[outputs.length - 1] += calibration.kind === 'platt' ? 5e-4 : 0.05;
    await expect(checkSkew(network, plan, { parameters, calibration }, sample, outputs)).rejects.toMatchObject({
      type: 'InvalidModel',
      message: expect.stringContaining('row 2: {"a":0}'),
    });
  });
});

describe('checkScores', () => {
  it('accepts the scores of indices and numbers as SQL and JavaScript have them, and refuses another one', () => {
    const features: readonly FittedFeature[] = [
      { kind: 'categorical', name: 'from', input: 'origin', vocabulary: ['SFO'], dimension: 2 },
      { kind: 'numeric', name: 'far', input: 'distance', fill: 0, center: 0, scale: 1, missingIndicator: false },
    ];
    const transform: FittedTransform = {
      formatVersion: 1,
      inputs: [
        { name: 'origin', type: 'string', columnType: 'string', nullable: true },
        { name: 'distance', type: 'float64', columnType: 'float', nullable: true },
      ],
      features,
      layout: layoutOf(features),
    };
    const score = {
      indices: [{ feature: 'from', input: 'origin', values: [4, 9, 0] }],
      numbers: [{ input: 'distance', present: { upTo: [10], values: [0, 1] }, missing: 2 }],
      scale: { upTo: [0, 1, 6], values: [0, 0.5, 0.75, 1] },
    };
    const instances = [
      { origin: 'SFO', distance: 1 },
      { origin: 'SFO', distance: 11 },
      { origin: null, distance: null },
      { origin: 'XXX', distance: 1 },
    ];
    const rows = { instances, encoded: { rows: 4, categorical: Int32Array.of(2, 2, 0, 1), target: new Float32Array(4) } };
    const scores = [0, 0.5, 0.75, 1];
    expect([...expectedScores(transform, score, { instances, categorical: rows.encoded.categorical })!]).toEqual(scores);
    expect(() => checkScores(transform, score, rows, scores)).not.toThrow();
    expect(() => checkScores(transform, score, rows, [0, 0.5, 0.75, 0.75])).toThrow(
      expect.objectContaining({ type: 'InvalidModel', message: expect.stringContaining('row 3: {"origin":"XXX","distance":1}') }),
    );
  });
});

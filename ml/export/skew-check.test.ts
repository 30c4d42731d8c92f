import { describe, expect, it } from '@jest/globals';
import { applyCalibration, type Calibration } from '../evaluate/prediction-calibration.js';
import { buildNetwork } from '../models/build-network.js';
import type { StepPlan } from '../train/engine.js';
import { tfjsCpuEngine } from '../train/engines/tfjs.js';
import { checkSkew } from './skew-check.js';

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

import { describe, expect, it } from '@jest/globals';
import type { FittedTransform } from '../../contracts/dataset.js';
import { applyCalibration } from '../evaluate/calibration/prediction-calibration.js';
import { layoutOf } from '../data/transform/transform-kinds.js';
import { rowsToTensors } from '../data/read/raw-tensors.js';
import { buildNetwork } from '../models/build-network.js';
import { encodeModelGraph, type ModelParts } from './model-graph.js';
import { openModel, predictWith } from './run-model.js';

function partsOf(column: string, changes: Partial<ModelParts> = {}): ModelParts {
  const features = [{ kind: 'numeric', name: 'x', input: column, fill: 0, center: 0, scale: 1, missingIndicator: false }] as const;
  const transform: FittedTransform = {
    formatVersion: 1,
    inputs: [{ name: column, type: 'float64', columnType: 'float', nullable: true }],
    features,
    layout: layoutOf(features),
  };
  const network = buildNetwork({ family: 'linear' }, transform.layout, 1, 1);
  const parameters = new Float32Array(network.parameterCount).fill(1);
  return { transform, network, parameters, calibration: { kind: 'platt', slope: 1, intercept: 0 }, threshold: 0.5, ...changes };
}

describe('encodeModelGraph', () => {
  it('gives the same bytes for the same parts, and others for another threshold', () => {
    const bytes = encodeModelGraph(partsOf('x'), { name: 'm' });
    expect(Buffer.compare(encodeModelGraph(partsOf('x'), { name: 'm' }), bytes)).toBe(0);
    expect(Buffer.compare(encodeModelGraph(partsOf('x', { threshold: 0.25 }), { name: 'm' }), bytes)).not.toBe(0);
  });

  it('applies slope and intercept to the logits', async () => {
    const parts = partsOf('x', { calibration: { kind: 'platt', slope: 2, intercept: -1 } });
    const session = await openModel(encodeModelGraph(parts, {}), 1);
    const [negative, positive] = await predictWith(session, rowsToTensors(parts.transform.inputs, [{ x: 0.5 }]));
    // Weight and bias are 1: the logit is 1.5.
    expect(positive).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect(negative).toBeCloseTo(1 - positive, 6);
  });

  it('takes off what classes that counted too often gained', async () => {
    const calibration = { kind: 'temperature', scale: 0.5, offsets: [Math.log(4), 0, -1] } as const;
    const { transform } = partsOf('x');
    const network = buildNetwork({ family: 'linear' }, transform.layout, 3, 1);
    const parameters = network.initialParameters();
    const session = await openModel(encodeModelGraph({ transform, network, parameters, calibration }, {}), 1);
    const made = await predictWith(session, rowsToTensors(transform.inputs, [{ x: 2 }]));
    const logits = Float32Array.from({ length: 3 }, (_, k) => 2 * parameters[k] + parameters[3 + k]);
    applyCalibration(calibration, logits, 3).forEach((value, k) => expect(made[k]).toBeCloseTo(value, 6));
    const scores = [...logits].map((logit, k) => Math.exp(0.5 * (logit - calibration.offsets[k])));
    expect(made[0]).toBeCloseTo(scores[0] / scores.reduce((sum, score) => sum + score), 6);
  });

  it.each(['probabilities', 'class_index', 'value'])('refuses a raw column named %s', (column) => {
    expect(() => encodeModelGraph(partsOf(column), {})).toThrow(expect.objectContaining({ type: 'InvalidModel' }));
  });
});

describe('openModel', () => {
  it('says why onnxruntime refuses a file', async () => {
    await expect(openModel(new Uint8Array(10), 1)).rejects.toMatchObject({
      type: 'InvalidModel',
      message: expect.stringContaining('onnxruntime cannot load'),
    });
  });
});

import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { buildNetwork } from '../../models/build-network.js';
import type { StepPlan } from '../engine.js';
import { automaticEngine, engines, selectEngine } from './index.js';
import { buildTrainingGraph } from './training-graph.js';

const plan: StepPlan = {
  model: { family: 'linear' },
  layout: { categorical: [{ name: 'origin', size: 4, dimension: 'auto' }], numeric: [] },
  task: 'binary',
  outputs: 1,
  batchSize: 8,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
  seed: 1,
  threads: 1,
};

test('auto is the compiled engine for a model that compiles', async () => {
  const { engine, reason } = await selectEngine('auto', plan);
  expect(engine.name).toBe('onnxruntime');
  expect(reason).toContain('compiles to ONNX');
});

test('auto falls back to wasm for a model that does not compile, and says which kernel it was', () => {
  const network = buildNetwork(plan.model, plan.layout, plan.outputs, plan.seed);
  const forward: typeof network.forward = (parameters, inputs) => tf.tidy('angle', () => tf.atan(network.forward(parameters, inputs)));
  const { engine, reason } = automaticEngine(() => buildTrainingGraph({ ...network, forward }, plan));
  expect(engine.name).toBe('tfjs-wasm');
  expect(reason).toContain('slower engine tfjs-wasm. The model uses the TensorFlow.js kernel "Atan" in layer "angle"');
});

test('an error that is not about the model is no reason to fall back', () => {
  const compile = () => {
    throw new Error('out of memory');
  };
  expect(() => automaticEngine(compile)).toThrow('out of memory');
});

test('an engine that is asked for is taken', async () => {
  for (const name of ['onnxruntime', 'tfjs-wasm', 'tfjs-cpu'] as const) expect((await selectEngine(name, plan)).engine.name).toBe(name);
});

test('the native engine is taken where its binding is built, and refused with the way to get it where it is not', async () => {
  const native = engines.find(({ name }) => name === 'tfjs-node-gpu')!;
  const problem = await native.unavailable();
  if (problem === undefined) expect((await selectEngine('tfjs-node-gpu', plan)).engine).toBe(native);
  else await expect(selectEngine('tfjs-node-gpu', plan)).rejects.toMatchObject({ type: 'InvalidModel', message: problem });
});

test('a model that no engine can build is an error, not a fallback', async () => {
  await expect(selectEngine('auto', { ...plan, layout: { categorical: [], numeric: [] } })).rejects.toThrow('The model has no input');
});

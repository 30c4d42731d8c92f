import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { buildNetwork } from '../../models/build-network.js';
import { addChainedOps } from '../../models/module/chained-ops.js';
import type { StepPlan } from '../engine.js';
import { engines } from './index.js';
import { onnxruntimeEngine } from './onnxruntime.js';
import { automaticEngine, fastest, selectEngine } from './select-engine.js';
import { tfjsCpuEngine, tfjsWasmEngine } from './tfjs.js';
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

test('auto falls back to wasm for a model that does not compile, and says which kernel it was', async () => {
  const network = buildNetwork(plan.model, plan.layout, plan.outputs, plan.seed);
  const forward: typeof network.forward = (parameters, inputs) => tf.tidy('angle', () => tf.atan(network.forward(parameters, inputs)));
  const { engine, reason } = await automaticEngine(plan, async () => buildTrainingGraph({ ...network, forward }, plan));
  expect(['tfjs-wasm', 'tfjs-node-gpu']).toContain(engine.name);
  expect(reason).toMatch(/^Timed on this machine: .*tfjs-wasm [0-9.e+]+ ms a step/);
  expect(reason).toMatch(
    /trains on a slower engine\. The model uses the TensorFlow\.js kernel "Atan" in layer "angle", which has no translation\. Written with operations that docs\/lowerings\.md lists, it would train on the compiled engine\.$/,
  );
});

test('of a gradient that does not compile, auto names the function that the model calls', async () => {
  // The gradient of tf.prod chains, as a user's model may.
  addChainedOps();
  const network = buildNetwork(plan.model, plan.layout, plan.outputs, plan.seed);
  const forward: typeof network.forward = (parameters, inputs) =>
    tf.tidy('products', () => tf.prod(tf.stack([network.forward(parameters, inputs), tf.neg(network.forward(parameters, inputs))]), 0));
  const compile = async () => buildTrainingGraph({ ...network, forward }, plan);
  const { reason } = await automaticEngine(plan, compile);
  expect(reason).toContain(
    'The model uses tf.prod in layer "products", whose gradient takes the TensorFlow.js kernel "Cumprod", which has no translation.',
  );
  await expect(compile()).rejects.toThrow('or set training.engine to "auto"');
});

test('an error that is not about the model is no reason to fall back', async () => {
  const compile = async () => {
    throw new Error('out of memory');
  };
  await expect(automaticEngine(plan, compile)).rejects.toThrow('out of memory');
});

test('an engine that is asked for is taken', async () => {
  for (const name of ['onnxruntime', 'tfjs-wasm', 'tfjs-cpu'] as const) expect((await selectEngine(name, plan)).engine.name).toBe(name);
});

test('the native engine is taken where its binding is built, and refused with the way to get it where it is not', async () => {
  const native = engines.find(({ name }) => name === 'tfjs-node-gpu')!;
  const problem = await native.unavailable();
  if (problem === undefined) expect((await selectEngine('tfjs-node-gpu', plan)).engine).toBe(native);
  else
    await expect(selectEngine('tfjs-node-gpu', plan)).rejects.toMatchObject({
      type: 'InvalidModel',
      message: expect.stringContaining(problem),
    });
});

test('a model that no engine can build is an error, not a fallback', async () => {
  await expect(selectEngine('auto', { ...plan, layout: { categorical: [], numeric: [] } })).rejects.toThrow('The model has no input');
});

test('of several engines the one whose steps take least time is taken, with the times in its reason', async () => {
  const larger: StepPlan = { ...plan, model: { family: 'mlp', hidden: [64, 32], activation: 'relu' }, batchSize: 256 };
  const chosen = await fastest([tfjsCpuEngine, onnxruntimeEngine], larger);
  expect(chosen!.engine.name).toBe('onnxruntime');
  expect(chosen!.reason).toMatch(/^Timed on this machine: onnxruntime [0-9.]+ ms a step, tfjs-cpu [0-9.]+ ms a step\.$/);
  // Kept for a model of the same shape.
  expect(await fastest([tfjsCpuEngine, onnxruntimeEngine], { ...larger, seed: 99 })).toBe(chosen);
});

test('an engine that cannot train the model is out, and says why', async () => {
  const image = { name: 'image', height: 6, width: 6, channels: 1 };
  const model = { family: 'cnn', filters: [2], kernelSize: 3, pool: 'max', globalPooling: false, hidden: [], activation: 'relu' } as const;
  const convolutional: StepPlan = {
    ...plan,
    model: { ...model, filters: [2], hidden: [] },
    layout: { categorical: [], numeric: [], image },
  };
  const chosen = await fastest([tfjsWasmEngine, onnxruntimeEngine], convolutional);
  expect(chosen!.engine.name).toBe('onnxruntime');
  expect(chosen!.reason).toContain('tfjs-wasm failed');
});

import { describe, expect, test } from '@jest/globals';
import { buildNetwork } from '../../models/build-network.js';
import type { ModelSpec } from '../../../contracts/pipeline.js';
import { createRandom } from '../../models/random.js';
import type { EncodedData, EngineSession, NetworkPlan } from '../engine.js';
import { openCompiled } from './onnxruntime.js';
import { openEager } from './tfjs.js';
import { cpuBackend, wasmBackend } from './tfjs-backend.js';

const model: ModelSpec = {
  family: 'cnn',
  filters: [4, 6],
  kernelSize: 3,
  pool: 'max',
  globalPooling: false,
  hidden: [],
  activation: 'relu',
};
const layout = { categorical: [], numeric: [], image: { name: 'image', height: 9, width: 8, channels: 2 } };
const networks = {
  plain: buildNetwork(model, layout, 3, 5),
  'separable and batch-normalized': buildNetwork(
    { ...model, filters: [4, 6, 6], convolution: 'separable', normalization: 'batch', globalPooling: true, activation: 'silu' },
    layout,
    3,
    5,
  ),
};
const plan: NetworkPlan = {
  task: 'multiclass',
  batchSize: 8,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01 },
  seed: 5,
  threads: 2,
};
const steps = 50;
const rows = 60;
const random = createRandom(23);
const classes = Int32Array.from({ length: rows }, () => Math.floor(random() * 3));
const data: EncodedData = {
  rows,
  // Each class is brighter than the one before.
  image: Uint8Array.from({ length: rows * 9 * 8 * 2 }, (_, i) => 40 * classes[Math.floor(i / (9 * 8 * 2))] + Math.floor(random() * 176)),
  target: Float32Array.from(classes),
};
const order = Int32Array.from({ length: steps * plan.batchSize }, () => Math.floor(random() * rows));
const rates = new Float32Array(steps).fill(0.01);

async function train(session: EngineSession, cuts: readonly number[]) {
  const losses: number[] = [];
  let from = 0;
  for (const until of [...cuts, steps]) {
    losses.push(...(await session.runSteps(order.slice(from * plan.batchSize, until * plan.batchSize), rates.slice(from, until), from)));
    from = until;
  }
  const result = { losses, state: await session.getState(), logits: await session.logits(data) };
  await session.dispose();
  return result;
}

function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const largest = Math.max(...Array.from(b, Math.abs));
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]) / largest));
}

describe.each(Object.entries(networks))('a convolutional network, %s', (_, network) => {
  const oracle = openEager(cpuBackend, network, plan, data).then((session) => train(session, []));

  test('follows eager tfjs through 50 steps in the compiled engine', async () => {
    const expected = await oracle;
    const actual = await train(await openCompiled(network, plan, data), []);
    expect(relativeDifference(actual.losses, expected.losses)).toBeLessThan(2e-4);
    expect(relativeDifference(actual.logits, expected.logits)).toBeLessThan(2e-3);
    expect(relativeDifference(actual.state.parameters, expected.state.parameters)).toBeLessThan(2e-4);
    expect(relativeDifference(actual.state.firstMoment!, expected.state.firstMoment!)).toBeLessThan(2e-3);
    expect(relativeDifference(actual.state.secondMoment!, expected.state.secondMoment!)).toBeLessThan(2e-3);
    expect(actual.losses.at(-1)).toBeLessThan(0.75 * actual.losses[0]);
  });

  test('ends in the same bits on two threads, however the steps are cut', async () => {
    const whole = await train(await openCompiled(network, plan, data), []);
    expect(await train(await openCompiled(network, plan, data), [1, 17, 30])).toEqual(whole);
  });
});

test('says which kernel the wasm backend lacks for it, which no further attempt gives it', async () => {
  const session = await openEager(wasmBackend, networks.plain, plan, data);
  const training = session.runSteps(order.slice(0, plan.batchSize), rates.slice(0, 1), 0);
  await expect(training).rejects.toMatchObject({
    type: 'InvalidModel',
    message: expect.stringMatching(/^The engine tfjs-wasm cannot train this model: it lacks the TensorFlow\.js kernel "\w+", .* to "auto"/),
  });
  await session.dispose();
});

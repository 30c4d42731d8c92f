import { describe, expect, test } from '@jest/globals';
import type { ImageAugmentationSpec, ModelSpec } from '../../../contracts/pipeline.js';
import { buildNetwork } from '../../models/build-network.js';
import { createRandom } from '../../models/random.js';
import type { EncodedData, EngineSession, NetworkPlan } from '../engine.js';
import { openCompiled } from './onnxruntime.js';
import { openEager } from './tfjs.js';
import { cpuBackend } from './tfjs-backend.js';

const model: ModelSpec = {
  family: 'cnn',
  filters: [4],
  kernelSize: 3,
  pool: 'average',
  globalPooling: false,
  hidden: [],
  activation: 'tanh',
};
const [height, width, channels] = [6, 8, 2];
const network = buildNetwork(model, { categorical: [], numeric: [], image: { name: 'image', height, width, channels } }, 3, 5);
const images: ImageAugmentationSpec = { flip: 'both', shift: 0.1, crop: 0.3, rotate: 20, cutOut: 0.25 };
const plan: NetworkPlan = {
  task: 'multiclass',
  batchSize: 8,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01 },
  labelSmoothing: 0.1,
  augmentation: { mixup: 0.3, images },
  seed: 5,
  threads: 2,
};
const rows = 40;
const steps = 20;
const random = createRandom(29);
const data: EncodedData = {
  rows,
  image: Uint8Array.from({ length: rows * height * width * channels }, () => Math.floor(random() * 256)),
  target: Float32Array.from({ length: rows }, () => Math.floor(random() * 3)),
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

describe('a network of images that are augmented', () => {
  test('follows eager tfjs in the compiled engine', async () => {
    const expected = await train(await openEager(cpuBackend, network, plan, data), []);
    const actual = await train(await openCompiled(network, plan, data), []);
    expect(relativeDifference(actual.losses, expected.losses)).toBeLessThan(2e-4);
    expect(relativeDifference(actual.logits, expected.logits)).toBeLessThan(2e-3);
    expect(relativeDifference(actual.state.parameters, expected.state.parameters)).toBeLessThan(2e-4);
  });

  test('ends in the same bits on two threads, however the steps are cut', async () => {
    const whole = await train(await openCompiled(network, plan, data), []);
    expect(await train(await openCompiled(network, plan, data), [1, 7, 13])).toEqual(whole);
  });

  test('is trained on other images than it is without, and predicts of the images as they are', async () => {
    const plain = await openCompiled(network, { ...plan, augmentation: undefined }, data);
    const moved = await openCompiled(network, { ...plan, augmentation: { images } }, data);
    expect(await moved.logits(data)).toEqual(await plain.logits(data));
    const [first, second] = await Promise.all([plain, moved].map((session) => session.runSteps(order.slice(0, 8), rates.slice(0, 1), 0)));
    expect(second).not.toEqual(first);
    for (const session of [plain, moved]) await session.dispose();
  });
});

import { describe, expect, test } from '@jest/globals';
import type { ModelSpec } from '../../../contracts/pipeline.js';
import { buildNetwork } from '../../models/build-network.js';
import { createRandom } from '../../models/random.js';
import type { EncodedData, EngineSession, NetworkPlan } from '../engine.js';
import { batchSlices } from './batch-slices.js';
import { openInLanes } from './lanes/open-in-lanes.js';
import { openCompiled } from './onnxruntime.js';
import { openEager } from './tfjs.js';
import { cpuBackend } from './tfjs-backend.js';

const model: ModelSpec = {
  family: 'cnn',
  filters: [2],
  kernelSize: 3,
  pool: 'max',
  globalPooling: false,
  hidden: [6],
  activation: 'relu',
  dropout: 0.3,
};
const [height, width, rows] = [96, 96, 20];
const layout = {
  categorical: [{ name: 'place', size: 5, dimension: 2 } as const],
  numeric: ['size'],
  image: { name: 'image', height, width, channels: 1 },
};
const network = buildNetwork(model, layout, 3, 5);
const plan: NetworkPlan = {
  task: 'multiclass',
  batchSize: 16,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01 },
  seed: 5,
  threads: 1,
};
const random = createRandom(29);
const data: EncodedData = {
  rows,
  categorical: Int32Array.from({ length: rows }, () => Math.floor(random() * 5)),
  numeric: Float32Array.from({ length: rows }, () => random() - 0.5),
  image: Uint8Array.from({ length: rows * height * width }, () => Math.floor(random() * 256)),
  target: Float32Array.from({ length: rows }, () => Math.floor(random() * 3)),
};
const order = Int32Array.from({ length: 2 * plan.batchSize }, () => Math.floor(random() * rows));

async function train(session: EngineSession, steps: number, batchSize = plan.batchSize) {
  const losses = await session.runSteps(order.slice(0, steps * batchSize), new Float32Array(steps).fill(0.01), 0);
  const { parameters } = await session.getState();
  await session.dispose();
  return { losses, parameters };
}

function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const largest = Math.max(...Array.from(b, Math.abs));
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]) / largest));
}

const moved = { mixup: 0.4, jitter: [0.2], images: { flip: 'both', shift: 0.1, rotate: 20 } } as const;

describe('a mini-batch that goes through the network in slices', () => {
  test('is cut, or this suite shows nothing', () => {
    expect(batchSlices(network, plan.batchSize)).toBe(2);
  });

  // Plain JavaScript takes seconds for a step.
  test.each<[string, number, Partial<NetworkPlan>]>([
    ['with dropout', 2, {}],
    [
      'with rows that are weighted, smoothed and mixed, and images that are moved',
      1,
      {
        classWeights: [0.4, 1, 2.5],
        labelSmoothing: 0.1,
        augmentation: moved,
      },
    ],
    ['with class weights', 1, { classWeights: [0.4, 1, 2.5] }],
  ])('gives the gradient of the whole, %s', async (_, steps, options) => {
    const expected = await train(await openEager(cpuBackend, network, { ...plan, ...options }, data), steps);
    const actual = await train(await openCompiled(network, { ...plan, ...options }, data), steps);
    expect(relativeDifference(actual.losses, expected.losses)).toBeLessThan(1e-4);
    expect(relativeDifference(actual.parameters, expected.parameters)).toBeLessThan(1e-3);
  });

  test.each<[string, Partial<NetworkPlan>]>([
    ['', {}],
    [', which are mixed and moved', { augmentation: moved }],
  ])('gives the same where two threads take half of the slices each%s', async (_, options) => {
    const wide = { ...plan, batchSize: order.length, ...options };
    expect(batchSlices(network, wide.batchSize / 2)).toBe(2);
    const expected = await train(await openCompiled(network, wide, data), 1, wide.batchSize);
    const actual = await train(await openInLanes(network, wide, data, 2), 1, wide.batchSize);
    expect(relativeDifference(actual.losses, expected.losses)).toBeLessThan(1e-6);
    expect(relativeDifference(actual.parameters, expected.parameters)).toBeLessThan(1e-4);
  });
});

import { createHash } from 'node:crypto';
import { createRandom } from '../../models/random.js';
import type { EncodedData, StepPlan } from '../engine.js';
import { networkOf } from '../../models/build-network.js';
import { openInLanes } from './lanes/open-in-lanes.js';
import { onnxruntimeEngine } from './onnxruntime.js';

/**
 * Train a wide-and-deep network for 30 steps in two lanes, in calls of so many steps, and write the sha256 of the final state to stdout.
 * Usage: digest-of-run.ts [<steps of a call>] [engine | threads]: `threads` shares each step between two, as the engine would in the long
 * run.
 *
 * Its batch is long and its categories few, so that the sums over equal indices are as contended as they get.
 */
const rows = 10_000;
const steps = 30;
const chunk = Number(process.argv[2] ?? steps);
const plan: StepPlan = {
  model: { family: 'wide-and-deep', hidden: [64, 32], activation: 'relu', embeddingScale: 2 },
  layout: {
    categorical: [
      { name: 'origin', size: 230, dimension: 'auto' },
      { name: 'weekday', size: 8, dimension: 48 },
    ],
    numeric: ['distance'],
  },
  task: 'binary',
  outputs: 1,
  batchSize: 4096,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01 },
  classWeights: [0.7, 1.6],
  seed: 4,
  threads: 2,
};

const random = createRandom(99);
const data: EncodedData = {
  rows,
  categorical: Int32Array.from({ length: rows * 2 }, (_, i) => Math.floor(random() * plan.layout.categorical[i % 2].size)),
  numeric: Float32Array.from({ length: rows }, () => random() * 2 - 1),
  target: Float32Array.from({ length: rows }, () => Number(random() > 0.7)),
};
const order = Int32Array.from({ length: steps * plan.batchSize }, () => Math.floor(random() * rows));

const session =
  process.argv[3] === 'threads' ? await openInLanes(networkOf(plan), plan, data, 2) : await onnxruntimeEngine.open(plan, data);
for (let step = 0; step < steps; step += chunk) {
  const until = Math.min(steps, step + chunk);
  const rates = new Float32Array(until - step).fill(0.003);
  await session.runSteps(order.subarray(step * plan.batchSize, until * plan.batchSize), rates, step);
}
const { parameters, firstMoment, secondMoment } = await session.getState();
const hash = createHash('sha256');
for (const part of [parameters, firstMoment!, secondMoment!]) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
process.stdout.write(hash.digest('hex'));

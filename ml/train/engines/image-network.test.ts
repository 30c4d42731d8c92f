import { describe, expect, test } from '@jest/globals';
import { buildCnn } from '../../models/cnn.js';
import { createRandom } from '../../models/random.js';
import type { EncodedData, EngineSession, NetworkPlan } from '../engine.js';
import { openCompiled } from './onnxruntime.js';
import { openEager } from './tfjs.js';
import { cpuBackend } from './tfjs-backend.js';

const network = buildCnn({ image: [9, 8, 2], filters: [4, 6], filterSize: 3 }, 3, 5);
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
const data: EncodedData = {
  rows,
  numeric: Float32Array.from({ length: rows * 9 * 8 * 2 }, () => random() * 2 - 1),
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

describe('a convolutional network', () => {
  const oracle = openEager(cpuBackend, network, plan, data).then((session) => train(session, []));

  test('follows eager tfjs through 50 steps in the compiled engine', async () => {
    const expected = await oracle;
    const actual = await train(await openCompiled(network, plan, data), []);
    expect(relativeDifference(actual.losses, expected.losses)).toBeLessThan(2e-4);
    expect(relativeDifference(actual.logits, expected.logits)).toBeLessThan(2e-3);
    expect(relativeDifference(actual.state.parameters, expected.state.parameters)).toBeLessThan(2e-4);
    expect(relativeDifference(actual.state.firstMoment, expected.state.firstMoment)).toBeLessThan(2e-3);
    expect(relativeDifference(actual.state.secondMoment, expected.state.secondMoment)).toBeLessThan(2e-3);
    expect(actual.losses.at(-1)).toBeLessThan(0.5 * actual.losses[0]);
  });

  test('ends in the same bits on two threads, however the steps are cut', async () => {
    const whole = await train(await openCompiled(network, plan, data), []);
    expect(await train(await openCompiled(network, plan, data), [1, 17, 30])).toEqual(whole);
  });
});

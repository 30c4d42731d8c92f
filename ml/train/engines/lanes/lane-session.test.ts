import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { FeatureLayout } from '../../../../contracts/dataset.js';
import { buildNetwork } from '../../../models/build-network.js';
import { createRandom } from '../../../models/random.js';
import type { EncodedData, NetworkPlan } from '../../engine.js';
import { createSession } from '../create-session.js';
import { ForwardPass } from '../forward-pass.js';
import { buildForwardGraph } from '../training-graph.js';
import { compileLanes, LaneSession } from './lane-session.js';
import { openLaneLoop } from './open-in-lanes.js';

const [rows, batchSize, lanes] = [300, 64, 2];
const layout: FeatureLayout = { categorical: [{ name: 'origin', size: 9, dimension: 3 }], numeric: ['a', 'b'] };
const network = buildNetwork({ family: 'mlp', hidden: [32], activation: 'relu', dropout: 0.2 }, layout, 1, 5);
const plan: NetworkPlan = {
  task: 'binary',
  batchSize,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01, averageDecay: 0.99 },
  seed: 5,
  threads: 2,
};
const random = createRandom(1);
const data: EncodedData = {
  rows,
  categorical: Int32Array.from({ length: rows }, () => Math.floor(random() * 9)),
  numeric: Float32Array.from({ length: rows * 2 }, () => random() - 0.5),
  target: Float32Array.from({ length: rows }, () => Number(random() > 0.5)),
};
const stepsOfCall = 1000;
const order = Int32Array.from({ length: stepsOfCall * batchSize }, () => Math.floor(random() * rows));
const learningRates = new Float32Array(stepsOfCall).fill(0.01);

function open(parts = compileLanes(network, plan, lanes)): Promise<LaneSession> {
  const forward = new ForwardPass(network, () => createSession(buildForwardGraph(network), 1));
  return LaneSession.open(network, plan, data, { ...parts, threads: 2 }, forward);
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('LaneSession', () => {
  test('lets other threads in while it goes on, without a change to a bit', async () => {
    const [session, expected] = [await open(), await openLaneLoop(network, plan, data, lanes)];
    let callsShared = 0;
    // Both ways are gone in turn at first.
    for (let step = 0; callsShared < 3; step += stepsOfCall) {
      const losses = await session.runSteps(order, learningRates, step);
      expect(losses).toEqual(await expected.runSteps(order, learningRates, step));
      expect(await session.getState()).toEqual(await expected.getState());
      if (session.threads === 2) callsShared++;
    }
    expect(await session.logits(data)).toEqual(await expected.logits(data));
    await session.dispose();
    await expected.dispose();
  });

  test('can be closed while it starts them', async () => {
    const session = await open();
    for (let step = 0; step < 20_000; step += stepsOfCall) await session.runSteps(order, learningRates, step);
    await session.dispose();
  });

  test('goes on alone where they cannot be started, and says so', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const session = await open({
      ...compileLanes(network, plan, lanes),
      graphs: () => {
        throw new Error('no memory for a thread');
      },
    });
    for (let step = 0; warn.mock.calls.length === 0; step += stepsOfCall) await session.runSteps(order, learningRates, step);
    await session.runSteps(order, learningRates, 1);
    expect(session.threads).toBe(1);
    expect(warn.mock.calls).toEqual([['the training goes on with one thread: no memory for a thread']]);
    await session.dispose();
  });
});

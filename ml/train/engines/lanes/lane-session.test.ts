import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { FeatureLayout } from '../../../../contracts/dataset.js';
import { buildNetwork } from '../../../models/build-network.js';
import { createRandom } from '../../../models/random.js';
import type { EncodedData, NetworkPlan } from '../../engine.js';
import { createSession } from '../create-session.js';
import { ForwardPass } from '../forward-pass.js';
import { buildForwardGraph } from '../training-graph.js';
import type { ChoiceOfTwo } from '../ways/faster-of-two.js';
import type { TwoWaySession } from '../ways/two-way-session.js';
import type { Numbers } from './lane-gradient.js';
import { compileLanes, openLaneSession } from './lane-session.js';
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

/** Both ways in turn, whichever is faster on this machine now. */
function inTurn(): ChoiceOfTwo {
  let last: 0 | 1 = 0;
  return { next: () => (last = last === 0 ? 1 : 0), observe: () => undefined, msPerStep: () => 0.5 };
}

function open(parts = compileLanes(network, plan, lanes)): Promise<TwoWaySession<readonly Numbers[]>> {
  const forward = new ForwardPass(network, () => createSession(buildForwardGraph(network), 1));
  return openLaneSession(network, plan, data, { ...parts, threads: 2 }, forward, inTurn);
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a session in lanes', () => {
  test('lets other threads in while it goes on, without a change to a bit', async () => {
    const [session, expected] = [await open(), await openLaneLoop(network, plan, data, lanes)];
    const seen: number[] = [];
    for (let step = 0; seen.filter((threads) => threads === 2).length < 3; step += stepsOfCall) {
      const losses = await session.runSteps(order, learningRates, step);
      expect(losses).toEqual(await expected.runSteps(order, learningRates, step));
      expect(await session.getState()).toEqual(await expected.getState());
      seen.push(session.threads);
    }
    expect(await session.logits(data)).toEqual(await expected.logits(data));
    await session.dispose();
    await expected.dispose();
  });

  test('can be closed while it starts them', async () => {
    const session = await open();
    for (const end = performance.now() + 600; performance.now() < end;) await session.runSteps(order, learningRates, 0);
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
    expect(warn.mock.calls).toEqual([['the training goes on as it began: no memory for a thread']]);
    await session.dispose();
  });
});

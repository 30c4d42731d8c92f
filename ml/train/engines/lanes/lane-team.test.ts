import { describe, expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../../contracts/dataset.js';
import { buildNetwork } from '../../../models/build-network.js';
import { createRandom } from '../../../models/random.js';
import type { EncodedData, EngineSession, NetworkPlan } from '../../engine.js';
import { openCompiled } from '../onnxruntime.js';
import { openInLanes, openLaneLoop } from './open-in-lanes.js';

const rows = 64;
const batchSize = 24;
const steps = 6;
const categories = [{ name: 'origin', size: 9, dimension: 3 } as const];
/** Too wide to be packed, so that the rows lie where the test can reach them. */
const layout: FeatureLayout = { categorical: categories, numeric: Array.from({ length: 20 }, (_, i) => `x${i}`) };
const network = buildNetwork({ family: 'mlp', hidden: [8], activation: 'relu', dropout: 0.2 }, layout, 1, 5);
const plan: NetworkPlan = {
  task: 'binary',
  batchSize,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01 },
  seed: 5,
  threads: 1,
};

function makeData(seed: number, count = rows): EncodedData {
  const random = createRandom(seed);
  return {
    rows: count,
    categorical: Int32Array.from({ length: count }, () => Math.floor(random() * 9)),
    numeric: Float32Array.from({ length: count * 20 }, () => random() - 0.5),
    target: Float32Array.from({ length: count }, () => Number(random() > 0.5)),
  };
}

function run(session: EngineSession, count = rows): Promise<Float32Array> {
  const random = createRandom(7);
  const order = Int32Array.from({ length: steps * batchSize }, () => Math.floor(random() * count));
  return session.runSteps(order, new Float32Array(steps).fill(0.01), 0);
}

const closeTo = (expected: Float32Array) => Array.from(expected, (value): unknown => expect.closeTo(value, 5));

describe('LaneTeam', () => {
  test.each([2, 3, 8])('takes the steps of a whole mini-batch in %i lanes', async (lanes) => {
    const whole = await openCompiled(network, plan, makeData(1));
    const divided = await openInLanes(network, plan, makeData(1), lanes);
    expect(Array.from(await run(divided))).toEqual(closeTo(await run(whole)));
    expect(Array.from((await divided.getState()).parameters)).toEqual(closeTo((await whole.getState()).parameters));
    for (const session of [whole, divided]) await session.dispose();
  });

  test.each([2, 3, 8])('makes the bits of one graph for %i lanes, however many threads there are', async (lanes) => {
    const looped = await openLaneLoop(network, plan, makeData(1), lanes);
    const losses = await run(looped);
    for (const threads of [1, 2]) {
      const shared = await openInLanes(network, plan, makeData(1), lanes, threads);
      expect(await run(shared)).toEqual(losses);
      expect(await shared.getState()).toEqual(await looped.getState());
      await shared.dispose();
    }
    await looped.dispose();
  });

  test('goes over to other rows, more of them and fewer', async () => {
    const session = await openInLanes(network, plan, makeData(1), 2);
    const initial = await session.getState();
    for (const [seed, count] of [
      [2, 200],
      [3, 30],
    ]) {
      const expected = await openCompiled(network, plan, makeData(seed, count));
      session.useRows(makeData(seed, count));
      await session.setState(initial);
      expect(Array.from(await run(session, count))).toEqual(closeTo(await run(expected, count)));
      await expected.dispose();
    }
    await session.dispose();
  });

  test('fails, rather than waiting for ever, when a thread of it fails', async () => {
    // In memory that the threads share already, so that what is written after the check reaches them.
    const data = { ...makeData(1), categorical: new Int32Array(new SharedArrayBuffer(rows * 4)) };
    const session = await openInLanes(network, plan, data, 2);
    data.categorical[rows - 1] = 1_000_000;
    const batch = Int32Array.from({ length: batchSize }, (_, i) => (i < batchSize / 2 ? 0 : rows - 1));
    await expect(session.runSteps(batch, Float32Array.of(0.01), 0)).rejects.toThrow(/indices element out of data bounds/);
    await expect(run(session)).rejects.toThrow(/indices element out of data bounds/);
    await session.dispose();
  });

  test('reports what goes wrong in the lane of the calling thread, too', async () => {
    const data = { ...makeData(1), categorical: new Int32Array(new SharedArrayBuffer(rows * 4)) };
    const session = await openInLanes(network, plan, data, 2);
    data.categorical[0] = 1_000_000;
    const batch = Int32Array.from({ length: batchSize }, (_, i) => (i < batchSize / 2 ? 0 : 1));
    await expect(session.runSteps(batch, Float32Array.of(0.01), 0)).rejects.toThrow(/indices element out of data bounds/);
    await session.dispose();
  });
});

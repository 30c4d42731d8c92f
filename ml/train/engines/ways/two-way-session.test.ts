import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import ort from 'onnxruntime-node';
import { buildNetwork } from '../../../models/build-network.js';
import type { EncodedData, EngineState, NetworkPlan } from '../../engine.js';
import { createSession } from '../create-session.js';
import { ForwardPass } from '../forward-pass.js';
import { openCompiled } from '../onnxruntime.js';
import { buildForwardGraph } from '../training-graph.js';
import type { ChoiceOfTwo } from './faster-of-two.js';
import type { StepWay } from './step-way.js';
import { type SharedWay, TwoWaySession } from './two-way-session.js';

const layout = { categorical: [], numeric: ['a'] };
const network = buildNetwork({ family: 'linear' }, layout, 1, 1);
const plan: NetworkPlan = {
  task: 'binary',
  batchSize: 2,
  optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
  seed: 1,
  threads: 2,
};
const data: EncodedData = { rows: 4, numeric: Float32Array.of(1, 2, 3, 4), target: Float32Array.of(0, 1, 0, 1) };
const rowsOf = (steps: number) => new Int32Array(steps * plan.batchSize);

/** Counts its steps in its state. */
class CountingWay implements StepWay<EncodedData> {
  readonly calls: number[] = [];
  rows: EncodedData | undefined;
  isClosed = false;
  private state: EngineState = { parameters: Float32Array.of(0, 0) };

  /** @param increment of the state with each step @param msPerCall that a call takes */
  constructor(
    private readonly increment: number,
    private readonly msPerCall = 0,
  ) {}

  async runSteps(_rows: Int32Array, learningRates: Float32Array): Promise<Float32Array> {
    await sleep(this.msPerCall);
    this.calls.push(learningRates.length);
    const [count] = this.state.parameters;
    this.state = { parameters: Float32Array.of(count + learningRates.length, count * this.increment) };
    return new Float32Array(learningRates.length).fill(count);
  }

  useRows(rows: EncodedData): void {
    this.rows = rows;
  }

  servedParameters(): ort.Tensor {
    return new ort.Tensor('float32', this.state.parameters, [2]);
  }

  getState(): EngineState {
    return this.state;
  }

  setState(state: EngineState): void {
    this.state = state;
  }

  async dispose(): Promise<void> {
    this.isClosed = true;
  }
}

/** Both ways in turn. */
function inTurn(): ChoiceOfTwo {
  let last: 0 | 1 = 0;
  return { next: () => (last = last === 0 ? 1 : 0), observe: () => undefined, msPerStep: () => 10 };
}

function open(first: CountingWay, shared?: SharedWay<EncodedData>): TwoWaySession<EncodedData> {
  const forward = new ForwardPass(network, () => createSession(buildForwardGraph(network), 1));
  return new TwoWaySession(network, plan, data, { rowsOf: (next) => next, first, threads: 1, shared }, forward, inTurn);
}

function shared(second: StepWay<EncodedData>, mustBeCompared: boolean): SharedWay<EncodedData> {
  return { threads: 2, open: () => Promise.resolve(second), mustBeCompared };
}

/** Run until half a second of steps lies behind the session, and then so many steps more. */
async function go(session: TwoWaySession<EncodedData>, steps: number): Promise<Float32Array> {
  await session.runSteps(rowsOf(1), new Float32Array(1), 0);
  return session.runSteps(rowsOf(steps), new Float32Array(steps), 1);
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('TwoWaySession', () => {
  test('makes the steps of a call at once where there is one way', async () => {
    const first = new CountingWay(1);
    const session = open(first);
    await session.runSteps(rowsOf(1000), new Float32Array(1000), 0);
    expect(first.calls).toEqual([1000]);
    await session.dispose();
    expect(first.isClosed).toBe(true);
  });

  test('opens the second way after half a second of steps, gives it the rows, and both go on from one state', async () => {
    const [first, second] = [new CountingWay(1, 510), new CountingWay(1)];
    const session = open(first, shared(second, false));
    const losses = await go(session, 32);
    expect(losses.slice(0, 16)).toEqual(new Float32Array(16).fill(1).fill(9, 8)); // 80 ms of 10 ms each at a time
    expect(second.rows).toBe(data);
    expect(second.calls).toEqual([8, 8]);
    expect((await session.getState()).parameters[0]).toBe(33);
    await session.dispose();
    expect(second.isClosed).toBe(true);
  });

  test('has a second way whose bits must be seen first make some steps beside the first', async () => {
    const [first, second] = [new CountingWay(1, 510), new CountingWay(1)];
    const session = open(first, shared(second, true));
    await go(session, 40);
    // 24 steps are made in both ways, and the others in turn.
    expect(first.calls).toEqual([1, 8, 8, 8, 8]);
    expect(second.calls).toEqual([8, 8, 8, 8]);
    expect((await session.getState()).parameters[0]).toBe(41);
    await session.dispose();
  });

  test('closes a second way that ends in other bits, and goes on as if it had not been there', async () => {
    const [first, second] = [new CountingWay(1, 510), new CountingWay(2)];
    const session = open(first, shared(second, true));
    await go(session, 40);
    expect(second.isClosed).toBe(true);
    expect(second.calls).toEqual([8]);
    expect(first.calls).toEqual([1, 8, 8, 8, 8, 8]);
    expect(session.threads).toBe(1);
    expect((await session.getState()).parameters[0]).toBe(41);
    await session.dispose();
  });

  test('goes on with the first where the second cannot be opened, and says so', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const first = new CountingWay(1, 510);
    const session = open(first, { threads: 2, mustBeCompared: true, open: () => Promise.reject(new Error('no memory')) });
    await go(session, 16);
    expect(first.calls).toEqual([1, 8, 8]);
    expect(warn.mock.calls).toEqual([['the training goes on as it began: no memory']]);
    await session.dispose();
  });
});

describe('a whole mini-batch on two threads that wait awake', () => {
  test('ends in the bits of one thread', async () => {
    const width = 32;
    const wide = { categorical: [], numeric: Array.from({ length: width }, (_, i) => `x${i}`) };
    const mlp = buildNetwork({ family: 'mlp', hidden: [128, 64], activation: 'relu', dropout: 0.1 }, wide, 1, 7);
    const count = 600;
    const random = (i: number) => Math.sin(i * 12.9898) * 0.7;
    const rows: EncodedData = {
      rows: count,
      numeric: Float32Array.from({ length: count * width }, (_, i) => random(i)),
      target: Float32Array.from({ length: count }, (_, i) => Number(random(i + 5) > 0)),
    };
    const wholePlan: NetworkPlan = {
      task: 'binary',
      batchSize: 256,
      optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
      seed: 7,
      threads: 2,
    };
    const one = await openCompiled(mlp, { ...wholePlan, threads: 1 }, rows);
    const two = (await openCompiled(mlp, wholePlan, rows, inTurn)) as TwoWaySession<unknown>;
    const steps = 72; // stretches of 8 steps in turn: the last one is the second way's in every other call
    const order = Int32Array.from({ length: steps * 256 }, (_, i) => (i * 7919) % count);
    const learningRates = new Float32Array(steps).fill(0.01);
    let sharedStretches = 0;
    for (let step = 0; sharedStretches < 3; step += steps) {
      expect(await two.runSteps(order, learningRates, step)).toEqual(await one.runSteps(order, learningRates, step));
      expect(await two.getState()).toEqual(await one.getState());
      if (two.threads === 2) sharedStretches++;
    }
    expect(await two.logits(rows)).toEqual(await one.logits(rows));
    await one.dispose();
    await two.dispose();
  });
});

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import { startTypescriptThread } from '../../../typescript-thread.js';
import type { Network } from '../../../models/network.js';
import { randomKeysOfSteps } from '../../../models/random-keys.js';
import type { EngineState, NetworkPlan } from '../../engine.js';
import { checkState, servedParameters, type StateOf, stateOf, stateVectors } from '../../checkpoint/engine-state.js';
import { stepScalarCount, stepScalars } from '../../optimizer/optimizer.js';
import { randomStreams } from '../training-step.js';
import type { StepWay } from '../ways/step-way.js';
import { LaneBoard, OtherThreadFailed, phasesOfStep } from './lane-board.js';
import { LaneGradient, type LaneSetup, type Numbers } from './lane-gradient.js';
import type { LaneGraphs } from './lane-graphs.js';
import type { LaneMessage } from './lane-messages.js';
import { LaneUpdate } from './lane-update.js';
import { lossOfLanes } from './loss-of-lanes.js';
import { matrixShapes } from './shared-rows.js';

/** From a thread's failure to its event. */
const longestCauseMs = 1000;

/**
 * Lanes on several threads, the calling one and others. Every thread adds up the gradients of those lanes that it finds untaken. When all
 * are done, so are the parts of the vectors divided, which are updated by the sum of all gradients. So the bits depend on the number of
 * lanes, and not on who does them.
 */
export class LaneTeam implements StepWay<readonly Numbers[]> {
  private readonly board: LaneBoard;
  /** What the steps carry, in shared memory. */
  private readonly state: StateOf<Float32Array>;
  private readonly scalars: Float32Array;
  /** [lanes, P + 2] */
  private readonly sums: Float32Array;
  private done = 0;
  /** Why no more steps can be made. */
  private failure: Error | undefined;

  private constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    private readonly setup: LaneSetup,
    private readonly gradient: LaneGradient,
    private readonly update: LaneUpdate,
    private readonly threads: readonly Worker[],
  ) {
    this.board = new LaneBoard(setup.board, setup.lanes);
    this.state = stateOf(setup.vectors, ({ name }) => new Float32Array(setup.state[name]!));
    this.scalars = new Float32Array(setup.scalars);
    this.sums = new Float32Array(setup.sums);
    for (const thread of threads) {
      thread.on('error', (error: Error) => (this.failure ??= error));
      thread.on('exit', (code) => (this.failure ??= new Error(`a thread of the training ended with code ${code}`)));
    }
  }

  /**
   * Start other threads and open the graphs in all. It takes up to a second, of which the calling thread is blocked for a part.
   *
   * @param others number of other threads
   * @throws AnnealError `InvalidModel` when onnxruntime refuses a graph; Error when a thread cannot be started
   */
  static async open(network: Network, plan: NetworkPlan, graphs: LaneGraphs, others: number): Promise<LaneTeam> {
    const setup = setupOf(network, plan, graphs);
    const threads = Array.from({ length: others }, () => startTypescriptThread(new URL('./lane-thread.ts', import.meta.url)));
    try {
      const ready = Promise.all(threads.map(isReady));
      for (const thread of threads) thread.postMessage({ kind: 'open', setup } satisfies LaneMessage);
      const [gradient, update] = await Promise.all([LaneGradient.open(setup), LaneUpdate.open(setup), ready]);
      // A team that nobody disbands keeps no process alive.
      for (const thread of threads) thread.unref();
      return new LaneTeam(network, plan, setup, gradient, update, threads);
    } catch (error) {
      for (const thread of threads) void thread.terminate();
      throw error;
    }
  }

  useRows(matrices: readonly Numbers[]): void {
    this.gradient.useRows(matrices);
    this.tell({ kind: 'rows', matrices });
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { batchSize } = this.plan;
    const count = learningRates.length;
    if (this.failure) throw this.failure;
    const keys = randomKeysOfSteps(this.plan.seed, firstStep, count, randomStreams(this.network, this.plan));
    this.tell({ kind: 'run', steps: { first: this.done, rows, keys } });
    const losses = new Float32Array(count);
    try {
      for (let i = 0; i < count; i++) {
        this.scalars.set(stepScalars(this.plan.optimizer, learningRates[i], firstStep + i + 1));
        await this.step(rows.subarray(i * batchSize, (i + 1) * batchSize), this.keysOfStep(keys, i));
        losses[i] = lossOfLanes(this.sumsAt(0), this.sumsAt(1));
      }
    } catch (error) {
      this.board.fail();
      this.failure ??= error instanceof OtherThreadFailed ? await this.cause(error) : (error as Error);
      throw this.failure;
    }
    return losses;
  }

  servedParameters(): ort.Tensor {
    const served = servedParameters(this.state).slice();
    return new ort.Tensor('float32', served, [served.length]);
  }

  getState(): EngineState {
    return stateOf(this.setup.vectors, ({ name }) => this.state[name]!.slice());
  }

  setState(state: EngineState): void {
    checkState(this.setup.vectors, state);
    for (const { name } of this.setup.vectors) this.state[name]!.set(state[name]!);
  }

  async dispose(): Promise<void> {
    if (this.failure) for (const thread of this.threads) await thread.terminate();
    else {
      const ends = this.threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
      this.tell({ kind: 'close' });
      for (const thread of this.threads) thread.ref();
      await Promise.all(ends);
    }
    await this.gradient.dispose();
    await this.update.dispose();
  }

  /** Make the next step, together with the other threads. */
  private async step(batch: Int32Array, keys: Int32Array): Promise<void> {
    const [gradients, updates] = phasesOfStep(this.done);
    await this.share(gradients, (lane) => this.gradient.addUp(lane, batch, keys));
    await this.share(updates, (part) => this.update.run(part));
    this.done++;
  }

  /** Do what is left of a phase, and wait for the rest. */
  private async share(phase: number, work: (lane: number) => Promise<void>): Promise<void> {
    this.board.publish(phase);
    await this.board.takeAll(phase, work);
    await this.board.waitForAll(this.heedThreads);
  }

  /** Of each lane of the step that was made last. @param place 0: `total`, 1: `weight` */
  private sumsAt(place: 0 | 1): Float32Array {
    const { lanes, parameterCount } = this.setup;
    return Float32Array.from({ length: lanes }, (_, lane) => this.sums[lane * (parameterCount + 2) + parameterCount + place]);
  }

  private keysOfStep(keys: Int32Array, i: number): Int32Array {
    const { keyCount } = this.setup;
    return keys.subarray(i * keyCount, (i + 1) * keyCount);
  }

  /** The thread that failed knows why; its error comes as an event. */
  private async cause(known: Error): Promise<Error> {
    for (const end = performance.now() + longestCauseMs; !this.failure && performance.now() < end;) await sleep(1);
    return this.failure ?? known;
  }

  /** A thread may have ended with a lane in its hands: it is heard of in a turn of the event loop alone. */
  private readonly heedThreads = async (): Promise<void> => {
    await nextTurn();
    if (this.failure) throw this.failure;
  };

  private tell(message: LaneMessage): void {
    for (const thread of this.threads) thread.postMessage(message);
  }
}

function isReady(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.once('message', () => resolve());
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`a thread of the training ended with code ${code} before it was ready`)));
  });
}

function setupOf(network: Network, plan: NetworkPlan, graphs: LaneGraphs): LaneSetup {
  const { layout, parameterCount } = network;
  const { lanes } = graphs;
  const vectors = stateVectors(plan.optimizer, network);
  const numbers = (count: number) => new SharedArrayBuffer(count * Float32Array.BYTES_PER_ELEMENT);
  return {
    ...graphs,
    batchSize: plan.batchSize,
    matrices: matrixShapes(layout),
    parameterCount,
    keyCount: 2 * randomStreams(network, plan),
    board: LaneBoard.allocate(lanes),
    vectors,
    state: stateOf(vectors, ({ size }) => numbers(size)),
    scalars: numbers(stepScalarCount(plan.optimizer)),
    sums: numbers(lanes * (parameterCount + 2)),
  };
}

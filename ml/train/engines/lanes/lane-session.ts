import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import { startTypescriptThread } from '../../../typescript-thread.js';
import type { Network } from '../../../models/network.js';
import { randomKeysOfSteps } from '../../../models/random-keys.js';
import type { EncodedData, EngineSession, EngineState, NetworkPlan } from '../../engine.js';
import { checkState, initialState, servedParameters, type StateOf, stateOf, stateVectors } from '../../checkpoint/engine-state.js';
import { stepScalarCount, stepScalars } from '../../optimizer/optimizer.js';
import { checkData } from '../check-data.js';
import { checkSteps } from '../check-steps.js';
import type { ForwardPass } from '../forward-pass.js';
import { randomStreams } from '../training-step.js';
import { LaneBoard, OtherThreadFailed, phasesOfStep } from './lane-board.js';
import { LaneGradient, type LaneSetup } from './lane-gradient.js';
import type { LaneGraphs } from './lane-graphs.js';
import type { LaneMessage } from './lane-messages.js';
import { LaneUpdate } from './lane-update.js';
import { matrixShapes, SharedRows } from './shared-rows.js';

/** From a thread's failure to its event. */
const longestCauseMs = 1000;

/**
 * Training steps on several threads, the calling one and others. The rows of a mini-batch are divided into lanes; every thread adds up
 * the gradients of those that it finds untaken. When all are done, so are the parts of the vectors divided, which are updated by the sum
 * of all gradients. So the bits depend on the number of lanes, and not on who does them.
 */
export class LaneSession implements EngineSession {
  private readonly rows = new SharedRows();
  private readonly board: LaneBoard;
  /** What the steps carry, in shared memory. */
  private readonly state: StateOf<Float32Array>;
  private readonly scalars: Float32Array;
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
    private readonly forward: ForwardPass,
  ) {
    this.board = new LaneBoard(setup.board, setup.lanes);
    this.state = stateOf(setup.vectors, ({ name }) => new Float32Array(setup.state[name]!));
    this.scalars = new Float32Array(setup.scalars);
    this.sums = new Float32Array(setup.sums);
    for (const thread of threads) {
      thread.on('error', (error: Error) => (this.failure ??= error));
      thread.on('exit', (code) => (this.failure ??= new Error(`a thread of the training ended with code ${code}`)));
      // A session that nobody closes keeps no process alive.
      thread.unref();
    }
  }

  /** Threads for the lanes but one. They take a quarter of a second to start, in which the graphs can be made. */
  static startThreads(lanes: number): Worker[] {
    return Array.from({ length: lanes - 1 }, () => startTypescriptThread(new URL('./lane-thread.ts', import.meta.url)));
  }

  /**
   * @param threads of `startThreads`; they end with the session
   * @param data checked already
   * @param forward is closed with the session
   * @throws AnnealError `InvalidModel` when onnxruntime refuses a graph
   */
  static async open(
    threads: readonly Worker[],
    network: Network,
    plan: NetworkPlan,
    data: EncodedData,
    graphs: LaneGraphs,
    forward: ForwardPass,
  ): Promise<LaneSession> {
    const setup = setupOf(network, plan, graphs);
    for (const thread of threads) thread.postMessage({ kind: 'open', setup } satisfies LaneMessage);
    const [gradient, update] = await Promise.all([
      LaneGradient.open(setup),
      LaneUpdate.open(setup),
      ...threads.map((thread) => once(thread, 'message')),
    ]);
    const session = new LaneSession(network, plan, setup, gradient, update, threads, forward);
    session.holdRows(data);
    await session.setState(initialState(plan.optimizer, network));
    return session;
  }

  useRows(data: EncodedData): void {
    checkData(this.plan.task, this.network, data);
    this.holdRows(data);
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { batchSize } = this.plan;
    const count = learningRates.length;
    checkSteps(rows, count, batchSize);
    if (this.failure) throw this.failure;
    const keys = randomKeysOfSteps(this.plan.seed, firstStep, count, randomStreams(this.network, this.plan));
    this.tell({ kind: 'run', steps: { first: this.done, rows, keys } });
    const losses = new Float32Array(count);
    try {
      for (let i = 0; i < count; i++) {
        this.scalars.set(stepScalars(this.plan.optimizer, learningRates[i], firstStep + i + 1));
        await this.step(rows.subarray(i * batchSize, (i + 1) * batchSize), this.keysOfStep(keys, i));
        losses[i] = this.loss();
      }
    } catch (error) {
      this.board.fail();
      this.failure ??= error instanceof OtherThreadFailed ? await this.cause(error) : (error as Error);
      throw this.failure;
    }
    return losses;
  }

  logits(data: EncodedData): Promise<Float32Array> {
    // onnxruntime-node takes no shared memory, and a slice of it is none.
    const parameters = servedParameters(this.state).slice();
    return this.forward.logits(new ort.Tensor('float32', parameters, [parameters.length]), data);
  }

  getState(): Promise<EngineState> {
    return Promise.resolve(stateOf(this.setup.vectors, ({ name }) => this.state[name]!.slice()));
  }

  async setState(state: EngineState): Promise<void> {
    checkState(this.setup.vectors, state);
    for (const { name } of this.setup.vectors) this.state[name]!.set(state[name]!);
  }

  async dispose(): Promise<void> {
    if (this.failure) for (const thread of this.threads) await thread.terminate();
    else {
      const ends = this.threads.map((thread) => once(thread, 'exit'));
      this.tell({ kind: 'close' });
      for (const thread of this.threads) thread.ref();
      await Promise.all(ends);
    }
    await this.gradient.dispose();
    await this.update.dispose();
    await this.forward.dispose();
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

  /** Of the step that was made last; in float32, as a step of one thread has it. */
  private loss(): number {
    const { lanes, parameterCount } = this.setup;
    let [total, weight] = [0, 0];
    for (let lane = 0; lane < lanes; lane++) {
      const at = lane * (parameterCount + 2) + parameterCount;
      total = Math.fround(total + this.sums[at]);
      weight = Math.fround(weight + this.sums[at + 1]);
    }
    return Math.fround(total / weight);
  }

  private holdRows(data: EncodedData): void {
    const matrices = this.rows.take(this.network.layout, data);
    this.gradient.useRows(matrices);
    this.tell({ kind: 'rows', matrices });
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

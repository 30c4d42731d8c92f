import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import { startTypescriptThread } from '../../../typescript-thread.js';
import type { Network } from '../../../models/network.js';
import { randomKeys } from '../../../models/random-keys.js';
import type { EncodedData, EngineSession, EngineState, NetworkPlan } from '../../engine.js';
import { checkState, initialState, servedParameters, stateOf, stateVectors } from '../../engine-state.js';
import { stepScalarCount, stepScalars } from '../../optimizer.js';
import { checkData } from '../check-data.js';
import type { ForwardPass } from '../forward-pass.js';
import { randomStreams } from '../training-step.js';
import { LaneBarrier, OtherLaneFailed } from './lane-barrier.js';
import type { LaneGraphs } from './lane-graphs.js';
import type { LaneMessage } from './lane-messages.js';
import { Lane, type LaneSetup, type LaneSteps, sumsBytes } from './lane.js';
import { matrixShapes, SharedRows } from './shared-rows.js';

/** From a thread's failure to its event. */
const longestCauseMs = 1000;

/** Training steps on several threads: the first lane is the thread that calls, each other one a thread of its own. */
export class LaneSession implements EngineSession {
  private readonly rows = new SharedRows();
  /** Why a thread ended. */
  private failure: Error | undefined;

  private constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    private readonly own: Lane,
    private readonly others: readonly Worker[],
    private readonly forward: ForwardPass,
  ) {
    for (const worker of others) {
      worker.on('error', (error: Error) => (this.failure ??= error));
      worker.on('exit', (code) => (this.failure ??= new Error(`a thread of the training ended with code ${code}`)));
      // A session that nobody closes keeps no process alive.
      worker.unref();
    }
  }

  /** Threads for the lanes but the first. They take a quarter of a second to start, in which the graphs can be made. */
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
    const [first, ...rest] = setupsOf(network, plan, graphs);
    rest.forEach((setup, i) => threads[i].postMessage({ kind: 'open', setup } satisfies LaneMessage));
    const [own] = await Promise.all([Lane.open(first), ...threads.map((worker) => once(worker, 'message'))]);
    const session = new LaneSession(network, plan, own, threads, forward);
    session.holdRows(data);
    await session.setState(initialState(plan.optimizer, network));
    return session;
  }

  useRows(data: EncodedData): void {
    checkData(this.plan.task, this.network, data);
    this.holdRows(data);
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { batchSize, optimizer } = this.plan;
    const count = learningRates.length;
    if (rows.length !== count * batchSize) throw new Error(`${count} steps need ${count * batchSize} rows, ${rows.length} were given`);
    const scalarCount = stepScalarCount(optimizer);
    const scalars = new Float32Array(count * scalarCount);
    learningRates.forEach((rate, i) => scalars.set(stepScalars(optimizer, rate, firstStep + i + 1), i * scalarCount));
    const steps: LaneSteps = { rows, scalars, keys: this.keysOf(firstStep, count) };
    this.tell({ kind: 'run', steps });
    try {
      return await this.own.run(steps, this.heedThreads);
    } catch (error) {
      throw error instanceof OtherLaneFailed ? await this.cause(error) : error;
    }
  }

  logits(data: EncodedData): Promise<Float32Array> {
    const parameters = servedParameters(this.own.getState());
    return this.forward.logits(new ort.Tensor('float32', parameters, [parameters.length]), data);
  }

  getState(): Promise<EngineState> {
    const state = this.own.getState();
    return Promise.resolve(stateOf(stateVectors(this.plan.optimizer, this.network), ({ name }) => state[name]!.slice()));
  }

  async setState(state: EngineState): Promise<void> {
    checkState(stateVectors(this.plan.optimizer, this.network), state);
    this.own.setState(state);
    this.tell({ kind: 'state', state });
  }

  async dispose(): Promise<void> {
    if (this.failure) for (const worker of this.others) await worker.terminate();
    else {
      const ends = this.others.map((worker) => once(worker, 'exit'));
      this.tell({ kind: 'close' });
      for (const worker of this.others) worker.ref();
      await Promise.all(ends);
    }
    await this.own.dispose();
    await this.forward.dispose();
  }

  private holdRows(data: EncodedData): void {
    const matrices = this.rows.take(this.network.layout, data);
    this.own.useRows(matrices);
    this.tell({ kind: 'rows', matrices });
  }

  private keysOf(firstStep: number, count: number): Int32Array {
    const streams = randomStreams(this.network, this.plan);
    const keys = new Int32Array(count * 2 * streams);
    for (let i = 0; i < count; i++) keys.set(randomKeys(this.plan.seed, firstStep + i, streams), i * 2 * streams);
    return keys;
  }

  /** The thread that failed knows why; its error comes as an event. */
  private async cause(known: Error): Promise<Error> {
    for (const end = performance.now() + longestCauseMs; !this.failure && performance.now() < end;) await sleep(1);
    return this.failure ?? known;
  }

  /** The thread of another lane may have ended: it is heard of in a turn of the event loop alone. */
  private readonly heedThreads = async (): Promise<void> => {
    await nextTurn();
    if (this.failure) throw this.failure;
  };

  private tell(message: LaneMessage): void {
    for (const worker of this.others) worker.postMessage(message);
  }
}

function setupsOf(network: Network, plan: NetworkPlan, graphs: LaneGraphs): readonly LaneSetup[] {
  const { layout, parameterCount } = network;
  const shared = {
    ...graphs,
    batchSize: plan.batchSize,
    matrices: matrixShapes(layout),
    vectors: stateVectors(plan.optimizer, network),
    parameterCount,
    scalarCount: stepScalarCount(plan.optimizer),
    keyCount: 2 * randomStreams(network, plan),
    barrier: LaneBarrier.allocate(),
    sums: new SharedArrayBuffer(sumsBytes(graphs.lanes, parameterCount)),
  };
  return Array.from({ length: graphs.lanes }, (_, lane) => ({ ...shared, lane }));
}

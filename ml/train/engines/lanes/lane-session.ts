import ort from 'onnxruntime-node';
import type { Network } from '../../../models/network.js';
import { servedParameters } from '../../checkpoint/engine-state.js';
import type { EncodedData, EngineSession, EngineState, NetworkPlan } from '../../engine.js';
import { checkData } from '../check-data.js';
import { checkSteps } from '../check-steps.js';
import type { ForwardPass } from '../forward-pass.js';
import { type ChoiceOfTwo, FasterOfTwo } from './faster-of-two.js';
import type { Numbers } from './lane-gradient.js';
import { buildLaneGraphs, type LaneGraphs } from './lane-graphs.js';
import { LaneLoop } from './lane-loop.js';
import { buildLaneLoop } from './lane-loop-graph.js';
import { LaneTeam } from './lane-team.js';
import type { LaneWay } from './lane-way.js';
import { SharedRows } from './shared-rows.js';

/** Steps that one thread makes before others are started: a training that is over by then does without them. */
const aloneMs = 500;
/** How long a way is timed at a time. */
const stretchMs = 80;
/** Of the mini-batches that are gathered for one call. */
const mostGatheredBytes = 16 * 1024 * 1024;

/** The graphs of a session in lanes. */
export interface LaneParts {
  readonly lanes: number;
  /** Of `buildLaneLoop`. */
  readonly loop: Uint8Array;
  /** For the other threads; made when these are started. */
  readonly graphs: () => LaneGraphs;
}

/**
 * @param lanes at least 2, divides the mini-batch; the network gathers no statistics
 * @param channelBlock as in `LowerOptions`
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export function compileLanes(network: Network, plan: NetworkPlan, lanes: number, channelBlock?: number): LaneParts {
  const loop = buildLaneLoop(network, plan, lanes, channelBlock);
  return { lanes, loop, graphs: () => buildLaneGraphs(network, plan, lanes, channelBlock) };
}

/**
 * Training steps whose mini-batch is divided into lanes. One thread does them all, or several share them, whichever is faster: a second
 * core can give half of its time or less than nothing, and that changes while a training runs. The bits are the same, so both are timed
 * on the steps of the training itself.
 */
export class LaneSession implements EngineSession {
  private readonly rows = new SharedRows();
  private choice: ChoiceOfTwo;
  private matrices: readonly Numbers[] = [];
  private team: LaneTeam | undefined;
  private opening: Promise<void> | undefined;
  /** Who has made the last step, and holds the state. */
  private last: LaneWay;
  private madeAloneMs = 0;
  /** Of a mini-batch. */
  private stepBytes = 1;

  private constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    private readonly parts: LaneParts,
    private readonly mostThreads: number,
    private readonly loop: LaneLoop,
    private readonly forward: ForwardPass,
    private readonly choose: () => ChoiceOfTwo,
  ) {
    this.last = loop;
    this.choice = choose();
  }

  /**
   * @param data checked already
   * @param parts with the number of threads that may share a step
   * @param forward is closed with the session
   * @param choose between the one thread and several, once these are there
   * @throws AnnealError `InvalidModel` when onnxruntime refuses a graph
   */
  static async open(
    network: Network,
    plan: NetworkPlan,
    data: EncodedData,
    parts: LaneParts & { readonly threads: number },
    forward: ForwardPass,
    choose = (): ChoiceOfTwo => new FasterOfTwo(),
  ): Promise<LaneSession> {
    const threads = Math.min(parts.threads, parts.lanes);
    const loop = await LaneLoop.open(network, plan, parts.lanes, parts.loop);
    const session = new LaneSession(network, plan, parts, threads, loop, forward, choose);
    session.holdRows(data);
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
    const losses = new Float32Array(count);
    for (let done = 0; done < count;) {
      const way = this.team ? this.choice.next() : 0;
      const steps = Math.min(this.stepsOfStretch(way), count - done);
      const until = done + steps;
      const runner = this.handOver(way);
      const startedAt = performance.now();
      losses.set(
        await runner.runSteps(rows.subarray(done * batchSize, until * batchSize), learningRates.subarray(done, until), firstStep + done),
        done,
      );
      const ms = performance.now() - startedAt;
      this.choice.observe(way, steps, ms);
      done = until;
      if (this.team === undefined) this.startTeamAfter(ms);
    }
    return losses;
  }

  logits(data: EncodedData): Promise<Float32Array> {
    const parameters = servedParameters(this.last.getState());
    return this.forward.logits(new ort.Tensor('float32', parameters, [parameters.length]), data);
  }

  getState(): Promise<EngineState> {
    return Promise.resolve(this.last.getState());
  }

  async setState(state: EngineState): Promise<void> {
    this.last.setState(state);
  }

  async dispose(): Promise<void> {
    await this.opening;
    await this.team?.dispose();
    await this.loop.dispose();
    await this.forward.dispose();
  }

  /** Threads that made the last steps. */
  get threads(): number {
    return this.last === this.loop ? 1 : this.mostThreads;
  }

  private handOver(way: 0 | 1): LaneWay {
    const next = way === 0 ? this.loop : this.team!;
    if (next !== this.last) next.setState(this.last.getState());
    this.last = next;
    return next;
  }

  private stepsOfStretch(way: 0 | 1): number {
    const msPerStep = this.choice.msPerStep(way) ?? this.choice.msPerStep(0) ?? stretchMs;
    return Math.max(1, Math.floor(Math.min(stretchMs / msPerStep, mostGatheredBytes / this.stepBytes)));
  }

  private startTeamAfter(ms: number): void {
    this.madeAloneMs += ms;
    if (this.opening === undefined && this.mostThreads > 1 && this.madeAloneMs >= aloneMs) this.opening = this.openTeam();
  }

  /** Without a team the steps go on as they began. */
  private async openTeam(): Promise<void> {
    const { network, plan, parts, mostThreads } = this;
    try {
      const team = await LaneTeam.open(network, plan, parts.graphs(), mostThreads - 1);
      team.useRows(this.matrices);
      this.team = team;
      // What was timed so far was beside the threads' start.
      this.choice = this.choose();
    } catch (error) {
      console.warn(`the training goes on with one thread: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private holdRows(data: EncodedData): void {
    this.matrices = this.rows.take(this.network.layout, data);
    const bytes = this.matrices.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.stepBytes = Math.max(1, (bytes / Math.max(1, data.rows)) * this.plan.batchSize);
    this.loop.useRows(this.matrices);
    this.team?.useRows(this.matrices);
  }
}

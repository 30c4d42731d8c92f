import type { Network } from '../../../models/network.js';
import { stateNames } from '../../checkpoint/engine-state.js';
import type { EncodedData, EngineSession, EngineState, NetworkPlan } from '../../engine.js';
import { checkData } from '../check-data.js';
import { checkSteps } from '../check-steps.js';
import type { ForwardPass } from '../forward-pass.js';
import { type ChoiceOfTwo, FasterOfTwo } from './faster-of-two.js';
import type { StepWay } from './step-way.js';

/** Steps that the first way makes before the second is opened: a training that is over by then does without it. */
const firstAloneMs = 500;
/** How long a way is timed at a time. */
const stretchMs = 80;
/** Steps that both ways make before the second one counts as equal: were a sum added up in another order, one step would show it. */
const leastCompared = 20;

/** Another way than the first, which several threads share. */
export interface SharedWay<Rows> {
  readonly threads: number;
  /** @throws AnnealError `InvalidModel` when onnxruntime refuses a graph; Error when a thread cannot be started */
  readonly open: () => Promise<StepWay<Rows>>;
  /** Whether its bits are those of the first way must be seen first: onnxruntime promises nothing of the order of a kernel's sums. */
  readonly mustBeCompared: boolean;
}

/** What a session is opened on. */
export interface Ways<Rows> {
  /** What the ways read of rows. */
  readonly rowsOf: (data: EncodedData) => Rows;
  readonly first: StepWay<Rows>;
  /** Threads of the first way. */
  readonly threads: number;
  /** Absent: there is one way. */
  readonly shared?: SharedWay<Rows>;
}

/**
 * Training steps that can be made in two ways to the same bits, and are made by whichever is faster: a second core can give half of the
 * time or less than nothing, and that changes while a training runs. Both are timed on the steps of the training itself.
 */
export class TwoWaySession<Rows> implements EngineSession {
  private choice: ChoiceOfTwo;
  private rows: Rows;
  private second: StepWay<Rows> | undefined;
  /** Steps in which the second way has still to be seen to make the bits of the first. */
  private uncompared: number;
  private opening: Promise<void> | undefined;
  /** Who has made the last step, and holds the state. */
  private last: StepWay<Rows>;
  private madeAloneMs = 0;

  /**
   * @param data checked already
   * @param ways are closed with the session, as is `forward`
   * @param choose between the two, once the second is there
   */
  constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    data: EncodedData,
    private readonly ways: Ways<Rows>,
    private readonly forward: ForwardPass,
    private readonly choose = (): ChoiceOfTwo => new FasterOfTwo(),
  ) {
    this.last = ways.first;
    this.choice = choose();
    this.uncompared = ways.shared?.mustBeCompared ? leastCompared : 0;
    this.rows = ways.rowsOf(data);
    ways.first.useRows(this.rows);
  }

  useRows(data: EncodedData): void {
    checkData(this.plan.task, this.network, data);
    this.rows = this.ways.rowsOf(data);
    this.ways.first.useRows(this.rows);
    this.second?.useRows(this.rows);
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { batchSize } = this.plan;
    const count = learningRates.length;
    checkSteps(rows, count, batchSize);
    const losses = new Float32Array(count);
    for (let done = 0; done < count;) {
      const way = this.second && this.uncompared <= 0 ? this.choice.next() : 0;
      const steps = Math.min(this.stepsOfStretch(way), count - done);
      const until = done + steps;
      const stretch = [rows.subarray(done * batchSize, until * batchSize), learningRates.subarray(done, until), firstStep + done] as const;
      if (this.second && this.uncompared > 0) losses.set(await this.compare(this.second, stretch), done);
      else {
        const runner = this.handOver(way);
        const startedAt = performance.now();
        losses.set(await runner.runSteps(...stretch), done);
        const ms = performance.now() - startedAt;
        this.choice.observe(way, steps, ms);
        if (this.opening === undefined) this.openSecondAfter(ms);
      }
      done = until;
    }
    return losses;
  }

  logits(data: EncodedData): Promise<Float32Array> {
    return this.forward.logits(this.last.servedParameters(), data);
  }

  getState(): Promise<EngineState> {
    return Promise.resolve(this.last.getState());
  }

  async setState(state: EngineState): Promise<void> {
    this.last.setState(state);
  }

  async dispose(): Promise<void> {
    await this.opening;
    await this.second?.dispose();
    await this.ways.first.dispose();
    await this.forward.dispose();
  }

  /** Threads that made the last steps. */
  get threads(): number {
    return this.last === this.ways.first ? this.ways.threads : this.ways.shared!.threads;
  }

  private handOver(way: 0 | 1): StepWay<Rows> {
    const next = way === 0 ? this.ways.first : this.second!;
    if (next !== this.last) next.setState(this.last.getState());
    this.last = next;
    return next;
  }

  private stepsOfStretch(way: 0 | 1): number {
    if (!this.ways.shared) return Infinity;
    const msPerStep = this.choice.msPerStep(way) ?? this.choice.msPerStep(0) ?? stretchMs;
    return Math.max(1, Math.floor(stretchMs / msPerStep));
  }

  private openSecondAfter(ms: number): void {
    this.madeAloneMs += ms;
    if (this.ways.shared && this.madeAloneMs >= firstAloneMs) this.opening = this.openSecond(this.ways.shared);
  }

  /** Without a second way the steps go on as they began. */
  private async openSecond(shared: SharedWay<Rows>): Promise<void> {
    try {
      const second = await shared.open();
      second.useRows(this.rows);
      this.second = second;
      // What was timed so far was beside the opening.
      this.choice = this.choose();
    } catch (error) {
      console.warn(`the training goes on as it began: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Make a stretch in both ways from the same state; where the bits differ, the first alone goes on. @returns losses of the first */
  private async compare(second: StepWay<Rows>, stretch: Readonly<Parameters<StepWay<Rows>['runSteps']>>): Promise<Float32Array> {
    const { first } = this.ways;
    second.setState(first.getState());
    const losses = await first.runSteps(...stretch);
    const others = await second.runSteps(...stretch);
    this.uncompared -= stretch[1].length;
    if (!haveEqualBits(losses, others) || !areEqual(first.getState(), second.getState())) {
      this.second = undefined;
      await second.dispose();
    }
    return losses;
  }
}

function areEqual(left: EngineState, right: EngineState): boolean {
  return stateNames.every((name) => left[name] === right[name] || haveEqualBits(left[name]!, right[name]!));
}

function haveEqualBits(left: Float32Array, right: Float32Array): boolean {
  return bytesOf(left).equals(bytesOf(right));
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

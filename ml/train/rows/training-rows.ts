import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { EncodedReader } from './encoded-reader.js';
import type { EncodedData, EngineSession } from '../engine.js';
import { epochOrder } from './order.js';
import { sampledOrder } from './sampling.js';
import { type StreamingPlan, windowOrder, windowShards, windowSteps } from './streamed-order.js';
import type { TrainingPlan } from '../training-plan.js';
import { rowRange } from './validation.js';

/** Where the mini-batches of a run come from. */
export interface TrainingRows {
  /**
   * The mini-batches from a place in an epoch on. The session holds their rows when this has returned, until the next call.
   *
   * @returns row indices into what the session holds, shape [k · batchSize] with 1 ≤ k ≤ count
   */
  take(epoch: number, stepInEpoch: number, count: number): Promise<Int32Array>;
  /** Wait for what is being read, and give the memory back. */
  close?(): Promise<void>;
}

/** All rows in memory, where the session has them already. */
export class ResidentRows implements TrainingRows {
  private order?: { readonly epoch: number; readonly rows: Int32Array };

  constructor(
    private readonly plan: TrainingPlan,
    private readonly rows: number,
    /** Needed where the plan samples classes. */
    private readonly labels?: Float32Array,
  ) {}

  async take(epoch: number, stepInEpoch: number, count: number): Promise<Int32Array> {
    if (this.order?.epoch !== epoch) this.order = { epoch, rows: this.drawEpoch(epoch) };
    const { batchSize } = this.plan.step;
    return this.order.rows.subarray(stepInEpoch * batchSize, (stepInEpoch + count) * batchSize);
  }

  private drawEpoch(epoch: number): Int32Array {
    const { sampledCounts, step } = this.plan;
    if (!sampledCounts) return epochOrder(step.seed, epoch, this.rows);
    if (!this.labels) throw new Error('classes are sampled by the labels of the training part, which were not given');
    return sampledOrder(step.seed, epoch, this.labels, sampledCounts);
  }
}

interface Window {
  readonly epoch: number;
  readonly window: number;
  readonly data: Promise<EncodedData>;
}

interface StreamedRowsOptions {
  readonly plan: TrainingPlan & { readonly streaming: StreamingPlan };
  readonly reader: EncodedReader;
  readonly session: EngineSession;
  /** Bring a target into the units that the network is trained in, in place. */
  readonly scaleTarget?: (target: Float32Array) => void;
}

/**
 * Rows of a file, a window of shards at a time; the next window is read while this one trains.
 *
 * In each epoch the shards are shuffled and dealt out to the windows, and the rows of a window are shuffled: a function of seed and
 * epoch alone, so a resumed run visits the same rows.
 */
export class StreamedRows implements TrainingRows {
  private readonly steps: readonly number[];
  private readonly layout: FeatureLayout;
  private readonly buffers: [EncodedData, EncodedData];
  private held?: Omit<Window, 'data'> & { readonly order: Int32Array; readonly buffer: number };
  private ahead?: Window;

  constructor(private readonly options: StreamedRowsOptions) {
    const { plan, reader } = options;
    this.layout = plan.step.layout;
    this.steps = windowSteps(plan.streaming, reader.rows, plan.step.batchSize);
    const mostRows = plan.streaming.windowShards * Math.ceil(reader.rows / plan.streaming.shards);
    this.buffers = [reader.allocate(mostRows), reader.allocate(mostRows)];
  }

  async take(epoch: number, stepInEpoch: number, count: number): Promise<Int32Array> {
    let window = 0;
    let first = 0;
    while (stepInEpoch >= first + this.steps[window]) first += this.steps[window++];
    const order = await this.hold(epoch, window);
    const { batchSize } = this.options.plan.step;
    const from = stepInEpoch - first;
    return order.subarray(from * batchSize, Math.min(from + count, this.steps[window]) * batchSize);
  }

  /** The reader stays open. */
  async close(): Promise<void> {
    await this.ahead?.data.catch(() => undefined);
    this.ahead = undefined;
    this.held = undefined;
  }

  private async hold(epoch: number, window: number): Promise<Int32Array> {
    if (this.held?.epoch === epoch && this.held.window === window) return this.held.order;
    const buffer = this.held ? 1 - this.held.buffer : 0;
    if (this.ahead?.epoch !== epoch || this.ahead.window !== window) {
      // A buffer that is still being written cannot be read into.
      await this.ahead?.data;
      this.ahead = this.load(epoch, window, buffer);
    }
    const data = await this.ahead.data;
    this.options.session.useRows(data);
    this.held = { epoch, window, buffer, order: windowOrder(this.options.plan.step.seed, epoch, window, data.rows) };
    this.ahead = this.loadAfter(epoch, window, 1 - buffer);
    return this.held.order;
  }

  private loadAfter(epoch: number, window: number, buffer: number): Window | undefined {
    const { stepsPerEpoch, totalSteps } = this.options.plan;
    const next = this.steps.findIndex((steps, i) => i > window && steps > 0);
    if (next >= 0) return this.load(epoch, next, buffer);
    return (epoch + 1) * stepsPerEpoch < totalSteps ? this.load(epoch + 1, 0, buffer) : undefined;
  }

  private load(epoch: number, window: number, buffer: number): Window {
    const { plan, reader, scaleTarget } = this.options;
    const into = this.buffers[buffer];
    const read = async (): Promise<EncodedData> => {
      let rows = 0;
      // All at once: the thread that would ask for the next one is busy training.
      const parts = windowShards(plan.streaming, plan.step.seed, epoch, window, reader.rows).map(({ from, until }) => {
        const at = rows;
        rows += until - from;
        return reader.read(into, at, from, until);
      });
      await Promise.all(parts);
      const data = rowRange(into, this.layout, 0, rows);
      scaleTarget?.(data.target);
      return data;
    };
    const data = read();
    // Whoever waits for it hears of it.
    data.catch(() => undefined);
    return { epoch, window, data };
  }
}

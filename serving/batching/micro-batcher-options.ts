import type { Batch, BatchOutputs } from '../tensors.js';
import type { Waiting } from './waiting-queue.js';

/** Is told how long things took, in milliseconds; what it does with that is on the way of every request. */
export interface BatchObserver {
  /** A request has waited so long for its batch to begin. */
  readonly queued: (milliseconds: number) => void;
  /** A batch was executed, or failed. */
  readonly executed: (rows: number, milliseconds: number) => void;
  /** The same of those who shared it; on the clock of `performance.now()`. */
  readonly batched?: (requests: readonly BatchedRequest[], rows: number, startedAt: number, endedAt: number, failed: boolean) => void;
}

/** A request in a batch. */
export type BatchedRequest = Pick<Waiting, 'terms' | 'arrivedAt'>;

export interface MicroBatcherOptions {
  /** Runs one batch; called again before its promise has settled while fewer than `executors` batches run. */
  readonly run: (batch: Batch) => Promise<BatchOutputs>;
  /** Undefined when `run` would begin at once; else a promise of that time, or of a failure for those that wait. @default always */
  readonly ready?: () => Promise<void> | undefined;
  /** Numbers a row of `BatchOutputs.values`. */
  readonly width: number;
  /**
   * Milliseconds that a batch of so many rows usually takes. When all executors take far longer, as one that hangs does, what waits
   * behind them counts their delay as well. @default not known, and not counted
   */
  readonly usualMs?: (rows: number) => number;
  /** Batches at a time. @default 1 */
  readonly executors?: number;
  /** No request joins a batch that has this many rows, however the size adapts. @default 1024 */
  readonly maxBatchRows?: number;
  /** Beyond this many waiting rows a request is refused: it would only wait, and memory is finite. @default 100,000 */
  readonly maxWaitingRows?: number;
  /** A request that would wait longer than this, by what the last batches took, is refused. @default 2000 */
  readonly maxWaitMs?: number;
  /** Size and delay of batches adapt to answer 99 of 100 requests within this. @default 50 */
  readonly targetP99Ms?: number;
  /** Whether an idle executor may wait for company. @default false */
  readonly mayDelay?: boolean;
  /** @default nobody */
  readonly observer?: BatchObserver;
}

import { performance } from 'node:perf_hooks';

/** A batch that an executor has. */
export interface RunningBatch {
  readonly rows: number;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
}

/** A batch that takes so many times what it usually does is late. */
const lateness = 4;

/** What the executors of a version compute at present. */
export class RunningBatches {
  /** As few as there are executors. */
  readonly #batches: RunningBatch[] = [];

  /** @param usualMs milliseconds that a batch of so many rows usually takes; absent: not known, and no delay is seen */
  constructor(
    private readonly executors: number,
    private readonly usualMs?: (rows: number) => number,
  ) {}

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** Whether no executor is free. */
  get isFull(): boolean {
    return this.#batches.length >= this.executors;
  }

  begin(rows: number): RunningBatch {
    const batch = { rows, startedAt: performance.now() };
    this.#batches.push(batch);
    return batch;
  }

  end(batch: RunningBatch): void {
    const last = this.#batches.pop()!;
    if (last !== batch) this.#batches[this.#batches.indexOf(batch)] = last;
  }

  /**
   * By how much the batches under way are late, at least, when no executor is free: of what is late for so long nobody knows when it
   * ends.
   *
   * @param msPerRow what a row lately took
   */
  delayMs(msPerRow: number): number {
    if (!this.usualMs || !this.isFull) return 0;
    const now = performance.now();
    let delayMs = Number.POSITIVE_INFINITY;
    for (const { rows, startedAt } of this.#batches) {
      const usualMs = Math.max(this.usualMs(rows), rows * msPerRow);
      delayMs = Math.min(delayMs, now - startedAt - lateness * usualMs);
    }
    return Math.max(0, delayMs);
  }
}

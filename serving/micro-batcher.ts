import { concatBatches, sliceOutputs, type Batch, type BatchOutputs } from './tensors.js';

interface Waiting {
  readonly batch: Batch;
  readonly arrivedAt: number;
  readonly resolve: (outputs: BatchOutputs) => void;
  readonly reject: (error: unknown) => void;
}

/** Is told how long things took, in milliseconds; what it does with that is on the way of every request. */
export interface BatchObserver {
  /** A request has waited so long for its batch to begin. */
  readonly queued: (milliseconds: number) => void;
  /** A batch was executed, or failed. */
  readonly executed: (rows: number, milliseconds: number) => void;
}

export interface MicroBatcherOptions {
  /** Runs one batch; never called again before its promise has settled. */
  readonly run: (batch: Batch) => Promise<BatchOutputs>;
  /** Numbers a row of `BatchOutputs.values`. */
  readonly width: number;
  /** No request joins a batch that has this many rows. @default 1024 */
  readonly maxBatchRows?: number;
  /** Beyond this many waiting rows a request is refused: it would only wait, and memory is finite. @default 100,000 */
  readonly maxWaitingRows?: number;
  /** @default nobody */
  readonly observer?: BatchObserver;
}

/** There are more requests than the executor can answer; worth a retry a little later. */
export class OverloadedError extends Error {
  constructor() {
    super('This host has more requests than it can answer. Try again shortly, or add a host.');
    this.name = 'OverloadedError';
  }
}

/**
 * Collects what has arrived anyway: while one batch runs, the requests that come in wait together for the next.
 *
 * Nothing waits for company: an idle executor takes the first request at the end of the event loop's turn,
 * together with those that the same turn brought.
 */
export class MicroBatcher {
  readonly #options: Required<Omit<MicroBatcherOptions, 'observer'>>;
  readonly #observer: BatchObserver | undefined;
  #waiting: Waiting[] = [];
  #waitingRows = 0;
  #running = false;
  #scheduled = false;
  #onIdle: (() => void)[] = [];

  constructor(options: MicroBatcherOptions) {
    this.#observer = options.observer;
    this.#options = { maxBatchRows: 1024, maxWaitingRows: 100_000, ...options };
  }

  /** @throws OverloadedError when too many rows wait already */
  submit(batch: Batch): Promise<BatchOutputs> {
    return new Promise((resolve, reject) => {
      if (this.#waitingRows + batch.rows > this.#options.maxWaitingRows) throw new OverloadedError();
      this.#waitingRows += batch.rows;
      this.#waiting.push({ batch, arrivedAt: performance.now(), resolve, reject });
      if (this.#running || this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#next();
      });
    });
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    if (this.#waiting.length === 0 && !this.#running) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #next(): void {
    const group = this.#takeGroup();
    if (group.length === 0) {
      for (const resolve of this.#onIdle.splice(0)) resolve();
      return;
    }
    this.#running = true;
    void this.#execute(group);
  }

  #takeGroup(): Waiting[] {
    let rows = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || rows + this.#waiting[count].batch.rows <= this.#options.maxBatchRows)) {
      rows += this.#waiting[count++].batch.rows;
    }
    this.#waitingRows -= rows;
    return this.#waiting.splice(0, count);
  }

  async #execute(group: readonly Waiting[]): Promise<void> {
    let settle: () => void;
    try {
      const outputs = await this.#run(group);
      settle = () => {
        let from = 0;
        for (const { batch, resolve } of group) {
          resolve(sliceOutputs(outputs, from, batch.rows, this.#options.width));
          from += batch.rows;
        }
      };
    } catch (error) {
      settle = group.length === 1 ? () => group[0].reject(error) : await this.#oneByOne(group);
    }
    // The next batch first: its thread computes while this one's answers are written.
    this.#running = false;
    this.#next();
    settle();
  }

  async #run(group: readonly Waiting[]): Promise<BatchOutputs> {
    const startedAt = performance.now();
    const batch = concatBatches(group.map((waiting) => waiting.batch));
    try {
      return await this.#options.run(batch);
    } finally {
      if (this.#observer) {
        for (const { arrivedAt } of group) this.#observer.queued(startedAt - arrivedAt);
        this.#observer.executed(batch.rows, performance.now() - startedAt);
      }
    }
  }

  /** A batch that fails must not fail the requests that only shared it. */
  async #oneByOne(group: readonly Waiting[]): Promise<() => void> {
    const settled: (() => void)[] = [];
    for (const { batch, resolve, reject } of group) {
      try {
        const outputs = await this.#options.run(batch);
        settled.push(() => resolve(outputs));
      } catch (error) {
        settled.push(() => reject(error));
      }
    }
    return () => settled.forEach((settle) => settle());
  }
}

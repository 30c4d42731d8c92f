import { performance } from 'node:perf_hooks';
import { adaptBatchPolicy, type BatchPolicy } from './batch-policy.js';
import { LatencyWindow } from './latency-window.js';
import { DeadlineExceededError, OverloadedError, RequestCancelledError, requestTerms, type RequestTerms } from '../request-terms.js';
import { NoRunnerError, RequestCrashedError, RequestStuckError, RunnerDiedError } from '../executors/runner.js';
import { concatBatches, sliceOutputs, type Batch, type BatchOutputs } from '../tensors.js';
import type { BatchObserver, MicroBatcherOptions } from './micro-batcher-options.js';
import { RunningBatches, type RunningBatch } from './running-batches.js';
import { WaitingQueue, type Waiting } from './waiting-queue.js';

/** What becomes of one request of a batch. */
type Outcome = { readonly outputs: BatchOutputs } | { readonly error: unknown };

const adaptEveryMs = 250;
/** Weight of the newest batch in what is remembered. */
const memory = 0.1;

/**
 * Collects what has arrived anyway: while one batch runs, the requests that come in wait together for the next.
 *
 * Under light load nothing waits: an idle executor takes a lone request at once. When batches have lately had company, it takes it
 * at the end of the event loop's turn, together with those that the same turn brought.
 */
export class MicroBatcher {
  readonly #options: Required<Omit<MicroBatcherOptions, 'observer' | 'ready' | 'usualMs'>>;
  readonly #observer: BatchObserver | undefined;
  readonly #ready: (() => Promise<void> | undefined) | undefined;
  readonly #queue = new WaitingQueue();
  readonly #window = new LatencyWindow();
  #policy: BatchPolicy;
  readonly #running: RunningBatches;
  #scheduled = false;
  #isHeldUp = false;
  #requestsPerBatch = 1;
  /** 0: not known yet. */
  #msPerRow = 0;
  #sweepAt = Number.POSITIVE_INFINITY;
  #sweep: NodeJS.Timeout | undefined;
  #onIdle: (() => void)[] = [];

  constructor(options: MicroBatcherOptions) {
    this.#observer = options.observer;
    this.#ready = options.ready;
    this.#options = {
      executors: 1,
      maxBatchRows: 1024,
      maxWaitingRows: 100_000,
      maxWaitMs: 2000,
      targetP99Ms: 50,
      mayDelay: false,
      ...options,
    };
    this.#running = new RunningBatches(this.#options.executors, options.usualMs);
    this.#policy = { maxRows: this.#options.maxBatchRows, delayMs: 0 };
  }

  /** How requests are collected at present. */
  get policy(): BatchPolicy {
    return this.#policy;
  }

  /** Whether a request of normal priority would be refused now; cheap, to be asked before a request is read. */
  get isFull(): boolean {
    if (!this.#exceeds()) return false;
    this.#dropOver();
    return this.#exceeds();
  }

  #exceeds(): boolean {
    return this.#queue.rows >= this.#options.maxWaitingRows || this.#expectedWaitMs() > this.#options.maxWaitMs;
  }

  /**
   * @throws OverloadedError when too many rows wait already, DeadlineExceededError when its time passed before its batch began,
   *   RequestCancelledError when nobody waits for it any more, RequestCrashedError when two executors died of it,
   *   RequestStuckError when two did not come to an end with it, NoRunnerError
   */
  submit(batch: Batch, terms: RequestTerms = requestTerms()): Promise<BatchOutputs> {
    return new Promise((resolve, reject) => {
      this.#admit(batch, terms);
      this.#queue.push({ batch, terms, arrivedAt: performance.now(), resolve, reject, isLastTry: false });
      if (terms.deadlineAt < this.#sweepAt) this.#sweepBy(terms.deadlineAt);
      if (this.#running.isFull || this.#scheduled) return;
      if (this.#requestsPerBatch < 1.3 && this.#policy.delayMs === 0) this.#next();
      else this.#schedule();
    });
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    if (this.#queue.length === 0 && this.#running.isEmpty) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #admit(batch: Batch, terms: RequestTerms): void {
    const { maxWaitingRows, maxWaitMs } = this.#options;
    if (this.#queue.rows + batch.rows > maxWaitingRows || this.#expectedWaitMs() > maxWaitMs) this.#dropOver();
    const surplus = this.#queue.rows + batch.rows - maxWaitingRows;
    const isLate = this.#expectedWaitMs() > maxWaitMs;
    if (surplus <= 0 && !isLate) return;
    const evicted = this.#queue.evict(Math.max(surplus, isLate ? batch.rows : 0), terms.priority);
    if (evicted.length === 0) throw this.#overloaded();
    for (const { reject } of evicted) reject(this.#overloaded());
  }

  /** Those that nobody waits for hold no place. */
  #dropOver(): void {
    const now = performance.now();
    for (const waiting of this.#queue.remove((each) => isOver(each, now))) waiting.reject(overError(waiting));
  }

  #expectedWaitMs(): number {
    return (this.#queue.rows * this.#msPerRow) / this.#options.executors + this.#running.delayMs(this.#msPerRow);
  }

  #overloaded(): OverloadedError {
    return new OverloadedError(Math.max(1, Math.ceil(this.#expectedWaitMs() / 1000)));
  }

  #schedule(): void {
    this.#scheduled = true;
    if (this.#policy.delayMs === 0) setImmediate(this.#begin);
    else setTimeout(this.#begin, this.#policy.delayMs);
  }

  readonly #begin = (): void => {
    this.#scheduled = false;
    this.#next();
  };

  #next(): void {
    while (!this.#running.isFull && this.#queue.length > 0 && !this.#isHeld()) {
      const group = this.#takeGroup();
      if (group.length === 0) break;
      void this.#execute(group);
    }
    if (this.#onIdle.length > 0 && this.#queue.length === 0 && this.#running.isEmpty)
      for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Whether there is no executor to take a batch: then requests wait in the queue, where their timeouts and priorities count. */
  #isHeld(): boolean {
    if (this.#isHeldUp) return true;
    const ready = this.#ready?.();
    if (!ready) return false;
    this.#isHeldUp = true;
    const goOn = (): void => {
      this.#isHeldUp = false;
      this.#next();
    };
    ready.then(goOn, (error: unknown) => {
      for (const waiting of this.#queue.remove(() => true)) waiting.reject(error);
      goOn();
    });
    return true;
  }

  /** Without those that nobody waits for. */
  #takeGroup(): Waiting[] {
    while (this.#queue.length > 0) {
      const group = this.#queue.take(this.#policy.maxRows);
      const now = performance.now();
      if (!group.some((waiting) => isOver(waiting, now))) return group;
      const wanted = group.filter((waiting) => !isOver(waiting, now));
      for (const waiting of group) if (isOver(waiting, now)) waiting.reject(overError(waiting));
      if (wanted.length > 0) return wanted;
    }
    return [];
  }

  async #execute(group: readonly Waiting[]): Promise<void> {
    const running = this.#running.begin(rowsOf(group));
    let outcomes: readonly Outcome[] | undefined;
    try {
      const outputs = await this.#options.run(group.length === 1 ? group[0].batch : concatBatches(group.map((waiting) => waiting.batch)));
      outcomes = this.#share(group, outputs);
      this.#executed(group, running);
    } catch (error) {
      this.#executed(group, running, error);
      if (error instanceof RunnerDiedError) {
        if (group[0].isLastTry) outcomes = [{ error: ofTheRequest(error) }];
        else this.#tryAgain(group, error);
      } else if (group.length > 1 && !(error instanceof NoRunnerError)) outcomes = await this.#oneByOne(group);
      else outcomes = group.map(() => ({ error }));
    }
    // The next batch first: its thread computes while this one's answers are written.
    this.#running.end(running);
    if (!this.#scheduled) this.#next();
    if (!outcomes) return;
    for (let i = 0; i < group.length; i++) {
      const outcome = outcomes[i];
      if ('outputs' in outcome) group[i].resolve(outcome.outputs);
      else group[i].reject(outcome.error);
    }
    this.#learn(group);
  }

  #share(group: readonly Waiting[], outputs: BatchOutputs): Outcome[] {
    if (group.length === 1) return [{ outputs }];
    let from = 0;
    return group.map(({ batch: { rows } }) => {
      const own = sliceOutputs(outputs, from, rows, this.#options.width);
      from += rows;
      return { outputs: own };
    });
  }

  /** Remember what a batch took, whether it was answered or failed. */
  #executed(group: readonly Waiting[], { rows, startedAt }: RunningBatch, failure?: unknown): void {
    const executeMs = performance.now() - startedAt;
    for (const { arrivedAt } of group) this.#observer?.queued(startedAt - arrivedAt);
    this.#observer?.executed(rows, executeMs);
    this.#observer?.batched?.(group, rows, startedAt, startedAt + executeMs, failure !== undefined);
    // What an executor took to die says nothing of what the next batch will take.
    if (failure instanceof RunnerDiedError || failure instanceof NoRunnerError) return;
    this.#window.executed(rows, executeMs, this.#queue.length > 0);
    const msPerRow = executeMs / rows;
    this.#msPerRow = this.#msPerRow === 0 ? msPerRow : (1 - memory) * this.#msPerRow + memory * msPerRow;
    this.#requestsPerBatch = (1 - memory) * this.#requestsPerBatch + memory * group.length;
  }

  /**
   * Of a batch whose executor died, nobody knows which request did it: each has its second and last try alone. If one of them takes
   * for ever, those that wait already do not wait for that.
   */
  #tryAgain(group: readonly Waiting[], { isStuck }: RunnerDiedError): void {
    for (const waiting of group) waiting.isLastTry = true;
    if (isStuck) for (const waiting of group) this.#queue.push(waiting);
    else this.#queue.putBack(group);
    const next = this.#queue.earliestDeadline();
    if (next < this.#sweepAt) this.#sweepBy(next);
  }

  /** A batch that fails must not fail the requests that only shared it. */
  async #oneByOne(group: readonly Waiting[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const { batch } of group) {
      try {
        outcomes.push({ outputs: await this.#options.run(batch) });
      } catch (error) {
        outcomes.push({ error: error instanceof RunnerDiedError ? ofTheRequest(error) : error });
      }
    }
    return outcomes;
  }

  #learn(group: readonly Waiting[]): void {
    const now = performance.now();
    for (const { arrivedAt } of group) this.#window.answered(now - arrivedAt);
    if (this.#window.elapsedMs < adaptEveryMs) return;
    const { executors, targetP99Ms, maxBatchRows, mayDelay } = this.#options;
    this.#policy = adaptBatchPolicy(this.#policy, this.#window.take(executors), { p99Ms: targetP99Ms, maxRows: maxBatchRows, mayDelay });
  }

  /** Answer those whose time is over while they wait, also behind a batch that takes long. */
  #sweepBy(deadlineAt: number): void {
    clearTimeout(this.#sweep);
    this.#sweepAt = deadlineAt;
    this.#sweep = setTimeout(
      () => {
        this.#sweepAt = Number.POSITIVE_INFINITY;
        this.#dropOver();
        const next = this.#queue.earliestDeadline();
        if (next < Number.POSITIVE_INFINITY) this.#sweepBy(next);
        if (this.#running.isEmpty && !this.#scheduled) this.#next();
      },
      Math.max(1, deadlineAt - performance.now()),
    );
    this.#sweep.unref();
  }
}

function rowsOf(group: readonly Waiting[]): number {
  let rows = 0;
  for (const { batch } of group) rows += batch.rows;
  return rows;
}

function ofTheRequest(death: RunnerDiedError): Error {
  return death.isStuck ? new RequestStuckError(death) : new RequestCrashedError(death);
}

function isOver({ terms }: Waiting, now: number): boolean {
  return terms.isCancelled || terms.deadlineAt <= now;
}

function overError({ terms }: Waiting): Error {
  return terms.isCancelled ? new RequestCancelledError() : new DeadlineExceededError();
}

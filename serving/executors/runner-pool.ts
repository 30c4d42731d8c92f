import { setTimeout as sleep } from 'node:timers/promises';
import { RunnerRestarts, unbearablePauseMs } from './runner-restarts.js';
import { NoRunnerError, type Runner, type RunnerDiedError } from './runner.js';
import type { Batch, BatchOutputs } from '../tensors.js';

/** Starts one more runner; calls back when it ended by itself. */
export type StartRunner = (onDeath: (error: RunnerDiedError) => void) => Promise<Runner>;

export interface RunnerObserver {
  /** A runner ended by itself, or its replacement could not be started. */
  readonly died: (error: Error) => void;
  /** Another one took its place. */
  readonly replaced: () => void;
  /** None is left, and batches are refused until the next one is there, which is started after so long. */
  readonly refused: (pauseMs: number) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: NoRunnerError) => void;
}

/**
 * The executors of one version. One that dies is replaced; what becomes of its batch is the caller's to decide.
 *
 * | executors alive | pause before the next one | a batch                                    |
 * | --------------- | ------------------------- | ------------------------------------------ |
 * | some            | any                       | runs on one of them                        |
 * | none            | short                     | waits                                      |
 * | none            | `unbearablePauseMs`, more | is refused (`NoRunnerError`), until one is there |
 */
export class RunnerPool implements Runner {
  readonly #all = new Set<Runner>();
  readonly #free: Runner[] = [];
  readonly #restarts = new RunnerRestarts();
  #waiters: Waiter[] = [];
  #closed = false;
  /** When the next runner is started; 0: there are some, or will be soon. */
  #downUntilMs = 0;

  private constructor(
    /** Runners that it should have. */
    readonly wanted: number,
    private readonly start: StartRunner,
    private readonly observer: RunnerObserver,
  ) {}

  /** @throws what `start` throws; nothing is left running then */
  static async open(size: number, start: StartRunner, observer: RunnerObserver): Promise<RunnerPool> {
    const pool = new RunnerPool(size, start, observer);
    const started = await Promise.allSettled(Array.from({ length: size }, () => pool.#add()));
    const failed = started.find((outcome) => outcome.status === 'rejected');
    if (!failed) return pool;
    await pool.close();
    throw failed.reason;
  }

  /** Of the runners that are processes. */
  get pids(): number[] {
    return [...this.#all].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Runners that live. */
  get size(): number {
    return this.#all.size;
  }

  /** Whether batches are refused, since there is no runner and none comes at once. */
  get isDown(): boolean {
    return this.#downUntilMs > 0;
  }

  /** @returns undefined when a batch would run at once; else a promise of that time, which fails with NoRunnerError */
  ready(): Promise<void> | undefined {
    if (this.#free.length > 0) return undefined;
    if (this.#downUntilMs > 0) return Promise.reject(this.#noRunner());
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** @throws RunnerDiedError, NoRunnerError, or what the runner throws */
  async run(batch: Batch): Promise<BatchOutputs> {
    let runner = this.#free.pop();
    while (!runner) {
      await this.ready();
      runner = this.#free.pop();
    }
    try {
      const outputs = await runner.run(batch);
      this.#restarts.succeeded();
      return outputs;
    } finally {
      if (this.#all.has(runner)) this.#release(runner);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((runner) => runner.close()));
  }

  #release(runner: Runner): void {
    this.#free.push(runner);
    if (this.#waiters.length > 0) for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  async #add(): Promise<void> {
    let runner: Runner | undefined = undefined;
    let early: RunnerDiedError | undefined = undefined;
    const added: Runner = await this.start((error) => {
      if (runner) this.#died(runner, error);
      else early = error;
    });
    if (early) throw early;
    runner = added;
    if (this.#closed) {
      await added.close();
      return;
    }
    this.#all.add(added);
    this.#downUntilMs = 0;
    this.#release(added);
  }

  #died(runner: Runner, error: RunnerDiedError): void {
    this.#all.delete(runner);
    const free = this.#free.indexOf(runner);
    if (free >= 0) this.#free.splice(free, 1);
    void this.#replace(error);
  }

  async #replace(death: Error): Promise<void> {
    for (let error = death; ;) {
      this.observer.died(error);
      const pauseMs = this.#restarts.died(performance.now());
      if (this.#all.size === 0 && pauseMs >= unbearablePauseMs) {
        this.#downUntilMs = performance.now() + pauseMs;
        for (const { reject } of this.#waiters.splice(0)) reject(this.#noRunner());
        this.observer.refused(pauseMs);
      }
      if (pauseMs > 0) await sleep(pauseMs, undefined, { ref: false });
      if (this.#closed) return;
      try {
        await this.#add();
        this.observer.replaced();
        return;
      } catch (failure) {
        error = failure as Error;
      }
    }
  }

  #noRunner(): NoRunnerError {
    return new NoRunnerError(Math.max(1, Math.ceil((this.#downUntilMs - performance.now()) / 1000)));
  }
}

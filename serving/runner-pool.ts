import { setTimeout as sleep } from 'node:timers/promises';
import { RunnerDiedError, type Runner } from './runner.js';
import type { Batch, BatchOutputs } from './tensors.js';

/** Starts one more runner; calls back when it ended by itself. */
export type StartRunner = (onDeath: (error: RunnerDiedError) => void) => Promise<Runner>;

const maxPauseMs = 5000;

/**
 * The executor threads of one version. One that dies is replaced, and the batch that it held is tried once more: elsewhere, or on
 * the replacement where there is no other.
 */
export class RunnerPool implements Runner {
  readonly #all = new Set<Runner>();
  readonly #free: Runner[] = [];
  readonly #wanted: ((runner: Runner) => void)[] = [];
  #closed = false;
  #deaths = 0;

  private constructor(
    private readonly start: StartRunner,
    private readonly onDeath: (error: Error) => void,
  ) {}

  /** @throws what `start` throws; nothing is left running then */
  static async open(size: number, start: StartRunner, onDeath: (error: Error) => void): Promise<RunnerPool> {
    const pool = new RunnerPool(start, onDeath);
    const started = await Promise.allSettled(Array.from({ length: size }, () => pool.#add()));
    const failed = started.find((outcome) => outcome.status === 'rejected');
    if (!failed) return pool;
    await pool.close();
    throw failed.reason;
  }

  async run(batch: Batch): Promise<BatchOutputs> {
    try {
      return await this.#runOnce(batch);
    } catch (error) {
      if (!(error instanceof RunnerDiedError) || this.#closed) throw error;
      return this.#runOnce(batch);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((runner) => runner.close()));
  }

  async #runOnce(batch: Batch): Promise<BatchOutputs> {
    const runner = this.#free.pop() ?? (await new Promise<Runner>((resolve) => this.#wanted.push(resolve)));
    try {
      const outputs = await runner.run(batch);
      this.#deaths = 0;
      return outputs;
    } finally {
      if (this.#all.has(runner)) this.#release(runner);
    }
  }

  #release(runner: Runner): void {
    const next = this.#wanted.shift();
    if (next) next(runner);
    else this.#free.push(runner);
  }

  async #add(): Promise<void> {
    let runner: Runner | undefined = undefined;
    const added: Runner = await this.start((error) => {
      if (runner) this.#died(runner, error);
    });
    runner = added;
    if (this.#closed) {
      await added.close();
      return;
    }
    this.#all.add(added);
    this.#release(added);
  }

  #died(runner: Runner, error: RunnerDiedError): void {
    this.#all.delete(runner);
    const free = this.#free.indexOf(runner);
    if (free >= 0) this.#free.splice(free, 1);
    this.onDeath(error);
    void this.#replace();
  }

  async #replace(): Promise<void> {
    for (;;) {
      // The first at once; a version that kills its threads is not given the whole processor.
      if (this.#deaths++ > 0) await sleep(Math.min(maxPauseMs, 50 * 2 ** this.#deaths), undefined, { ref: false });
      if (this.#closed) return;
      try {
        await this.#add();
        return;
      } catch (error) {
        this.onDeath(error as Error);
      }
    }
  }
}

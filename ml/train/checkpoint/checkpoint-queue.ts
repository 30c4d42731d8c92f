import { rm } from 'node:fs/promises';

interface Written {
  readonly path: string;
  readonly step: number;
}

/** Hands checkpoint files on one at a time, then removes them; of those that wait, only the newest is worth keeping. */
export class CheckpointQueue {
  /** Rejects when a checkpoint could not be stored; never resolves. */
  readonly failed: Promise<never>;
  #reject!: (error: unknown) => void;
  #waiting?: Written;
  #working?: Promise<void>;

  constructor(private readonly store: (path: string, step: number) => Promise<void>) {
    this.failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Whoever waits for it hears of it; nobody else has to.
    this.failed.catch(() => undefined);
  }

  push(path: string, step: number): void {
    if (this.#waiting) void rm(this.#waiting.path, { force: true });
    this.#waiting = { path, step };
    this.#working ??= this.#work();
  }

  /** Everything pushed so far is stored, or has failed. */
  async drained(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    try {
      while (this.#waiting) {
        const { path, step } = this.#waiting;
        this.#waiting = undefined;
        await this.store(path, step);
        await rm(path, { force: true });
      }
    } catch (error) {
      this.#reject(error);
    } finally {
      this.#working = undefined;
    }
  }
}

import type { FromExecutor, ToExecutor } from './executor-messages.js';
import type { RunnerDiedError } from './runner.js';

interface Reply {
  readonly resolve: (message: FromExecutor) => void;
  readonly reject: (error: Error) => void;
}

/** A serving process' end of an executor: asks it one thing at a time, and notices its end. */
export abstract class RunnerLink {
  #reply: Reply | undefined;
  #death: RunnerDiedError | undefined;
  #onDeath: ((error: RunnerDiedError) => void) | undefined;

  /** Of an executor that is a process. */
  get pid(): number | undefined {
    return undefined;
  }

  get isAlive(): boolean {
    return this.#death === undefined;
  }

  /** To be told of an end that nobody asked for, now if it was before; what it was asked has failed by then. */
  watch(onDeath: ((error: RunnerDiedError) => void) | undefined): void {
    this.#onDeath = onDeath;
    if (this.#death) onDeath?.(this.#death);
  }

  /** @throws RunnerDiedError when it ends meanwhile, or has ended */
  ask(message: ToExecutor): Promise<FromExecutor> {
    if (this.#death) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      this.#reply = { resolve, reject };
      try {
        this.post(message);
      } catch (error) {
        this.#reply = undefined;
        reject(error as Error);
      }
    });
  }

  /** Of one that does not answer: end it. What it was asked fails with this, and whoever watches it is told as of any other end. */
  giveUp(error: RunnerDiedError): void {
    this.kill();
    this.died(error);
  }

  /** End the executor, whatever it does. */
  abstract end(): Promise<void>;
  /** One that only waits does not keep this process alive. */
  abstract setBusy(isBusy: boolean): void;
  /** Without waiting for its end. */
  protected abstract kill(): void;
  protected abstract post(message: ToExecutor): void;

  protected answered(message: FromExecutor): void {
    const reply = this.#reply;
    this.#reply = undefined;
    reply?.resolve(message);
  }

  protected died(error: RunnerDiedError): void {
    if (this.#death) return;
    this.#death = error;
    const reply = this.#reply;
    this.#reply = undefined;
    reply?.reject(error);
    this.#onDeath?.(error);
  }
}

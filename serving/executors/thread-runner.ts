import type { Worker } from 'node:worker_threads';
import type { ExecutorData, FromExecutor, ToExecutor } from './executor-messages.js';
import { IdleLinks, LinkedRunner } from './linked-runner.js';
import { RunnerLink } from './runner-link.js';
import { RunnerDiedError } from './runner.js';
import { startTypescriptThread } from '../../ml/typescript-thread.js';

/** Starts a thread; a test may end it. */
export type StartThread = () => Worker;

const startThread: StartThread = () => startTypescriptThread(new URL('./executor-thread.ts', import.meta.url));

class ExecutorThread extends RunnerLink {
  readonly #worker: Worker;

  constructor(start: StartThread) {
    super();
    this.#worker = start();
    this.#worker.on('message', (message: FromExecutor) => this.answered(message));
    this.#worker.on('error', (error) => this.died(new RunnerDiedError(error.message)));
    this.#worker.on('exit', (exitCode) => this.died(new RunnerDiedError(`exit code ${exitCode}`, { exitCode })));
  }

  setBusy(isBusy: boolean): void {
    if (isBusy) this.#worker.ref();
    else this.#worker.unref();
  }

  async end(): Promise<void> {
    this.watch(undefined);
    await this.#worker.terminate();
  }

  /** Native code goes on until it returns. */
  protected kill(): void {
    this.#worker.unref();
    void this.#worker.terminate();
  }

  protected post(message: ToExecutor): void {
    this.#worker.postMessage(message);
  }
}

const idle = new IdleLinks(2);

/**
 * Open and warm a version in a thread that has none, or in a new one. @throws AnnealError `LoadFailed`
 *
 * @param onDeath called when the thread ends without being asked to
 */
export function startThreadRunner(
  data: ExecutorData,
  onDeath: (error: RunnerDiedError) => void,
  start?: StartThread,
): Promise<LinkedRunner> {
  const link = start ? undefined : idle.take();
  return LinkedRunner.open(link ?? new ExecutorThread(start ?? startThread), idle, data, onDeath);
}

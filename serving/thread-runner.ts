import type { Worker } from 'node:worker_threads';
import { AnnealError } from '../contracts/failures.js';
import type { ExecutorThreadData, FromExecutorThread, ToExecutorThread } from './executor-messages.js';
import { loadFailed } from './load-failed.js';
import { RunnerDiedError, type Runner } from './runner.js';
import type { Batch, BatchOutputs } from './tensors.js';
import { startTypescriptThread } from '../ml/typescript-thread.js';

interface Reply {
  readonly resolve: (message: FromExecutorThread) => void;
  readonly reject: (error: Error) => void;
}

/** An image that was opened once within milliseconds and now takes this long is taken for stuck. */
const openTimeoutMs = 60_000;
/** Threads without a version that wait for the next one. */
const maxIdleThreads = 2;

/** Starts a thread; a test may end it. */
export type StartThread = () => Worker;

const startThread: StartThread = () => startTypescriptThread(new URL('./executor-thread.ts', import.meta.url));

/** One worker thread: asks it one thing at a time, and notices its end. */
class ExecutorThread {
  readonly #worker: Worker;
  #reply: Reply | undefined;
  #death: RunnerDiedError | undefined;
  /** Told of an end that nobody asked for. */
  onDeath: ((error: RunnerDiedError) => void) | undefined;

  constructor(start: StartThread) {
    this.#worker = start();
    this.#worker.on('message', (message: FromExecutorThread) => this.#settle((reply) => reply.resolve(message)));
    const died = (why: string): void => {
      if (this.#death) return;
      const error = (this.#death = new RunnerDiedError(why));
      this.#settle((reply) => reply.reject(error));
      this.onDeath?.(error);
    };
    this.#worker.on('error', (error) => died(error.message));
    this.#worker.on('exit', (code) => died(`exit code ${code}`));
  }

  get isAlive(): boolean {
    return this.#death === undefined;
  }

  ask(message: ToExecutorThread): Promise<FromExecutorThread> {
    if (this.#death) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      this.#reply = { resolve, reject };
      this.#worker.postMessage(message);
    });
  }

  /** A thread that only waits does not keep the process alive. */
  setBusy(isBusy: boolean): void {
    if (isBusy) this.#worker.ref();
    else this.#worker.unref();
  }

  async end(): Promise<void> {
    this.onDeath = undefined;
    await this.#worker.terminate();
  }

  #settle(action: (reply: Reply) => void): void {
    const reply = this.#reply;
    this.#reply = undefined;
    if (reply) action(reply);
  }
}

const idle: ExecutorThread[] = [];

/** A thread with a session of its own, so that neither opening nor a slow model blocks another request. */
export class ThreadRunner implements Runner {
  #closed: Promise<void> | undefined;

  private constructor(private readonly thread: ExecutorThread) {}

  /**
   * Open and warm a version in a thread that has none, or in a new one.
   *
   * @param onDeath called when the thread ends without being asked to; the batch that it held has failed by then
   * @throws AnnealError `LoadFailed`
   */
  static async start(data: ExecutorThreadData, onDeath: (error: RunnerDiedError) => void, start?: StartThread): Promise<ThreadRunner> {
    let thread = start ? undefined : idle.pop();
    while (thread && !thread.isAlive) thread = idle.pop();
    thread ??= new ExecutorThread(start ?? startThread);
    thread.setBusy(true);
    try {
      await open(thread, data);
    } catch (error) {
      await thread.end();
      throw error;
    }
    thread.onDeath = onDeath;
    return new ThreadRunner(thread);
  }

  async run(batch: Batch): Promise<BatchOutputs> {
    const reply = await this.thread.ask({ kind: 'run', batch });
    if (reply.kind === 'outputs') return reply.outputs;
    throw new Error(reply.kind === 'error' ? reply.message : 'The executor thread gave an answer to something else.');
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { thread } = this;
    if (!thread.isAlive) return;
    thread.onDeath = undefined;
    await thread.ask({ kind: 'close' }).catch(() => undefined);
    if (idle.length >= maxIdleThreads) {
      await thread.end();
      return;
    }
    thread.setBusy(false);
    idle.push(thread);
  }
}

/** @throws AnnealError `LoadFailed` */
async function open(thread: ExecutorThread, data: ExecutorThreadData): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const what = `it was not opened within ${openTimeoutMs / 1000} seconds. Look for a machine short of memory.`;
    timer = setTimeout(() => reject(loadFailed(what)), openTimeoutMs);
  });
  try {
    const reply = await Promise.race([thread.ask({ kind: 'open', data }), late]);
    if (reply.kind === 'failed') throw new AnnealError(reply.type, reply.message);
  } catch (error) {
    throw error instanceof AnnealError ? error : loadFailed(`its thread failed: ${(error as Error).message}`, error);
  } finally {
    clearTimeout(timer);
  }
}

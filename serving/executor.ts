import type { Worker } from 'node:worker_threads';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { ModelManifest } from '../contracts/model.js';
import type { FromExecutorThread, ToExecutorThread } from './executor-messages.js';
import type { VersionFiles } from './load-model.js';
import { imageRowsAtOnce } from '../ml/data/image-input.js';
import { MicroBatcher, type BatchObserver } from './micro-batcher.js';
import { outputWidth, type Batch, type BatchOutputs } from './tensors.js';
import { startTypescriptThread } from './typescript-thread.js';

/** A model that takes half as long to load as an activity may run is taken for stuck. */
const loadTimeoutMs = 5 * 60_000;

interface Reply {
  readonly resolve: (outputs: BatchOutputs) => void;
  readonly reject: (error: Error) => void;
}

/** One loaded version: its own thread, its own session, so that neither loading nor a slow model blocks another request. */
export class ModelExecutor {
  readonly #thread: Worker;
  readonly #batcher: MicroBatcher;
  #reply: Reply | undefined;
  #closing = false;

  private constructor(
    thread: Worker,
    readonly manifest: ModelManifest,
    readonly goldenDifference: number,
    readonly loadMs: number,
    onDeath: (error: Error) => void,
    observer: BatchObserver | undefined,
  ) {
    this.#thread = thread;
    const { image } = manifest.layout;
    this.#batcher = new MicroBatcher({
      width: outputWidth(manifest),
      ...(image ? { maxBatchRows: Math.min(1024, imageRowsAtOnce(image)) } : {}),
      run: (batch) => this.#run(batch),
      observer,
    });
    thread.on('message', (message: FromExecutorThread) => this.#receive(message));
    const died = (why: string) => {
      const error = new Error(`The thread that executes a version ended by itself: ${why}.`);
      this.#settle((reply) => reply.reject(error));
      if (!this.#closing) onDeath(error);
    };
    thread.on('error', (error) => died(error.message));
    thread.on('exit', (code) => died(`exit code ${code}`));
  }

  /**
   * Load, warm and verify a version in a new thread.
   *
   * @param onDeath called when the thread ends without being asked to; the requests that it held have failed by then
   * @throws AnnealError `LoadFailed`; nothing is left running then
   */
  static async start(files: VersionFiles, onDeath: (error: Error) => void, observer?: BatchObserver): Promise<ModelExecutor> {
    const thread = startTypescriptThread(new URL('./executor-thread.ts', import.meta.url), { workerData: files });
    try {
      const ready = await firstMessage(thread);
      return new ModelExecutor(thread, ready.manifest, ready.goldenDifference, ready.loadMs, onDeath, observer);
    } catch (error) {
      await thread.terminate();
      throw error;
    }
  }

  /** Told of each request that was answered; must neither throw nor change what it is given. */
  onAnswered?: (batch: Batch, outputs: BatchOutputs, latencyMs: number) => void;

  /** @throws Error when the graph fails on these rows, or gives something that is not a number */
  async infer(batch: Batch): Promise<BatchOutputs> {
    const submittedAt = performance.now();
    const outputs = await this.#batcher.submit(batch);
    if (!outputs.values.every((value) => Number.isFinite(value)))
      throw new Error('The model computed a value that is not a finite number.');
    this.onAnswered?.(batch, outputs, performance.now() - submittedAt);
    return outputs;
  }

  /** Let the requests that it has finish, then release session and thread. */
  async close(): Promise<void> {
    await this.#batcher.idle();
    if (this.#closing) return;
    this.#closing = true;
    const ended = new Promise<void>((resolve) => this.#thread.once('exit', () => resolve()));
    this.#post({ kind: 'close' });
    await ended;
  }

  #run(batch: Batch): Promise<BatchOutputs> {
    return new Promise((resolve, reject) => {
      this.#reply = { resolve, reject };
      this.#post({ kind: 'run', batch });
    });
  }

  #post(message: ToExecutorThread): void {
    this.#thread.postMessage(message);
  }

  #receive(message: FromExecutorThread): void {
    if (message.kind === 'outputs') this.#settle((reply) => reply.resolve(message.outputs));
    else if (message.kind === 'error') this.#settle((reply) => reply.reject(new Error(message.message)));
  }

  #settle(action: (reply: Reply) => void): void {
    const reply = this.#reply;
    this.#reply = undefined;
    if (reply) action(reply);
  }
}

async function firstMessage(thread: Worker): Promise<FromExecutorThread & { kind: 'ready' }> {
  const failed = (why: string) => new AnnealError(failureTypes.loadFailed, `The version cannot be served: ${why}`);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(
        () => reject(failed(`it was not loaded within ${loadTimeoutMs / 1000} seconds. Look for a machine short of memory.`)),
        loadTimeoutMs,
      );
      thread.once('message', (message: FromExecutorThread) => {
        if (message.kind === 'ready') resolve(message);
        else if (message.kind === 'failed') reject(new AnnealError(message.type, message.message));
      });
      thread.once('error', (error) => reject(failed(`its thread failed: ${error.message}.`)));
      thread.once('exit', (code) => reject(failed(`its thread ended with code ${code} while it was loading.`)));
    });
  } finally {
    clearTimeout(timer);
    for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event);
  }
}

import type { ModelManifest } from '../../contracts/model.js';
import type { AnomalyMonitor } from '../anomaly/anomaly-monitor.js';
import { imageRowsAtOnce } from '../../ml/data/read/image-input.js';
import type { LoggedAnswer } from '../prediction-log/prediction-log.js';
import { MicroBatcher } from '../batching/micro-batcher.js';
import type { BatchObserver } from '../batching/micro-batcher-options.js';
import { measuredMs } from './execute-limit.js';
import { choosePlacement, type Placement } from './placement.js';
import { openPrepared, type PreparedVersion } from '../loader/prepared-version.js';
import type { RequestTerms } from '../request-terms.js';
import { startProcessRunner } from './process-runner.js';
import { RunnerPool, type RunnerObserver } from './runner-pool.js';
import type { Runner } from './runner.js';
import { outputWidth, type Batch, type BatchOutputs } from '../tensors.js';
import { startThreadRunner } from './thread-runner.js';

export interface ExecutorOptions {
  /** Where versions execute. @default chosen by what each version costs */
  readonly placement?: Placement;
  /** Executor threads or processes of a version that does not execute on the HTTP thread. @default 1 */
  readonly executors?: number;
  /** Threads of onnxruntime for one call on an executor. @default 1 */
  readonly threads?: number;
  /** Size and delay of batches adapt to answer 99 of 100 requests within this. @default 50 */
  readonly targetP99Ms?: number;
  /** Beyond this many waiting rows of a version its requests are refused. @default 100,000 */
  readonly maxWaitingRows?: number;
  /** A request that would wait longer is refused. @default 2000 */
  readonly maxWaitMs?: number;
}

/** One loaded version: where it executes, and what collects its requests into batches. */
export class ModelExecutor {
  readonly #batcher: MicroBatcher;
  readonly #runner: Runner;
  #closed: Promise<void> | undefined;

  private constructor(
    readonly prepared: PreparedVersion,
    readonly placement: Placement,
    runner: Runner,
    options: ExecutorOptions,
    observer: BatchObserver | undefined,
  ) {
    this.#runner = runner;
    const { manifest } = prepared;
    const { image } = manifest.layout;
    const isBeside = placement !== 'http-thread';
    const { targetP99Ms, maxWaitingRows, maxWaitMs } = options;
    this.#batcher = new MicroBatcher({
      width: outputWidth(manifest),
      executors: isBeside ? (options.executors ?? 1) : 1,
      mayDelay: isBeside,
      run: (batch) => runner.run(batch),
      ...(runner instanceof RunnerPool ? { ready: () => runner.ready(), usualMs: (rows: number) => measuredMs(prepared, rows) } : {}),
      observer,
      ...(image ? { maxBatchRows: Math.min(1024, imageRowsAtOnce(image)) } : {}),
      ...(targetP99Ms === undefined ? {} : { targetP99Ms }),
      ...(maxWaitingRows === undefined ? {} : { maxWaitingRows }),
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    });
  }

  /**
   * Open and warm a prepared version where it will execute.
   *
   * @param runners is told of executors of the version that ended by themselves, and of their replacements
   * @throws AnnealError `LoadFailed`; nothing is left running then
   */
  static async start(
    prepared: PreparedVersion,
    options: ExecutorOptions,
    runners: RunnerObserver,
    observer?: BatchObserver,
  ): Promise<ModelExecutor> {
    const { layout, serving } = prepared.manifest;
    const placement = choosePlacement(prepared.profile, layout.image !== undefined, {
      isolation: serving?.isolation,
      placement: options.placement,
    });
    const { executors = 1, threads = 1 } = options;
    const start = placement === 'executor-process' ? startProcessRunner : startThreadRunner;
    const runner =
      placement === 'http-thread'
        ? await openOnThisThread(prepared)
        : await RunnerPool.open(executors, (onDeath) => start({ prepared, threads }, onDeath), runners);
    return new ModelExecutor(prepared, placement, runner, options, observer);
  }

  /** To be told of each request to the version that was answered; must neither throw nor change what it is given. */
  onAnswered?: (batch: Batch, answer: LoggedAnswer, latencyMs: number, requestId: string) => void;

  /** Looks at what is asked and answered; absent for versions that do not say what their training rows were like. */
  anomalies?: AnomalyMonitor;

  get manifest(): ModelManifest {
    return this.prepared.manifest;
  }

  /** Executors that it should have and that live, and the ids of those that are processes; undefined on the HTTP thread. */
  get executors(): { readonly wanted: number; readonly alive: number; readonly pids: readonly number[] } | undefined {
    const pool = this.#runner instanceof RunnerPool ? this.#runner : undefined;
    return pool && { wanted: pool.wanted, alive: pool.size, pids: pool.pids };
  }

  /** Whether the version itself answers nothing at present: its executors ended again and again. */
  get isDown(): boolean {
    return this.#runner instanceof RunnerPool && this.#runner.isDown;
  }

  /** Whether a request would be refused now; cheap, to be asked before a request is read. */
  get isFull(): boolean {
    return this.#batcher.isFull;
  }

  /**
   * @throws Error when the graph fails on these rows, or gives something that is not a number; OverloadedError,
   *   DeadlineExceededError, RequestCancelledError, NoRunnerError when it was not executed; RequestCrashedError, RequestStuckError
   */
  infer(batch: Batch, terms?: RequestTerms): Promise<BatchOutputs> {
    return this.#batcher.submit(batch, terms).then(finiteOutputs);
  }

  /** Run rows that nobody asked for. @throws as `infer` */
  probe(batch: Batch): Promise<BatchOutputs> {
    return this.#batcher.submit(batch);
  }

  /** Let the requests that it has finish, then release sessions and threads. */
  close(): Promise<void> {
    this.#closed ??= this.#batcher.idle().then(() => this.#runner.close());
    return this.#closed;
  }
}

/** @returns the outputs @throws Error */
function finiteOutputs(outputs: BatchOutputs): BatchOutputs {
  const { values } = outputs;
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i])) throw new Error('The model computed a value that is not a finite number.');
  return outputs;
}

/** To lay out this much for batches takes a millisecond or two of the thread that serves. */
const longestPrepackedBytes = 4 << 20;

async function openOnThisThread(prepared: PreparedVersion): Promise<Runner> {
  const model = await openPrepared(prepared, { prepack: prepared.image.sizeBytes <= longestPrepackedBytes, isServing: true });
  return { run: (batch) => model.run(batch), close: () => model.release() };
}

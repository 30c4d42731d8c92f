import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { AnnealError } from '../../../contracts/failures.js';
import type { MetricPoint } from '../../../contracts/training.js';
import { toError } from '../../child/failure-message.js';
import { SilenceWatch } from '../../child/silence-watch.js';
import { childDeath, type ChildDeath, forkTypescript, type TypescriptChild } from '../../child/typescript-child.js';
import { moduleFailure } from '../../models/module/module-failure.js';
import { CheckpointQueue } from '../checkpoint/checkpoint-queue.js';
import { largePages } from './large-pages.js';
import { trainingFlags } from './training-flags.js';
import { TrainingChildError } from './training-child-error.js';
import type { ChildMessage, JobOutcome, JobProgress, ParentMessage, TrainingJob } from './training-job.js';

/**
 * A call into the engine takes half a second at most, unless a single step takes longer; a child that has not stopped by then is killed.
 * With the half second between two heartbeats, by which a worker hears of a cancellation, it is less than two seconds.
 */
const cancelGraceMs = 1000;

/** The code of a model's file builds it in seconds; what takes longer than this is taken for a loop without an end. */
const mostBuildMs = 120_000;

/** A child tells of itself every few seconds, and between two steps; what is silent for longer than this hangs. */
const longestSilenceMs = 600_000;

const childModule = new URL('./child.ts', import.meta.url);

export interface ChildCallbacks {
  onProgress(progress: JobProgress): void;
  /** The whole curve so far, at most once a second, while the job goes on. */
  onCurve?(points: readonly MetricPoint[]): void;
  /** The file is removed when this has returned; a newer checkpoint may come in its place while it is busy. */
  onCheckpoint(path: string, step: number): Promise<void>;
}

/**
 * Runs training jobs in child processes, so that neither a blocking engine nor a crash of native code reaches the caller.
 *
 * A child that finished its job stays for the next one (starting one takes about a second); a failure discards it.
 * An idle child does not keep the process alive, and ends with it.
 */
export class TrainingChildren {
  readonly #idle: TypescriptChild[] = [];
  readonly #all = new Set<TypescriptChild>();
  /** Which of `devices` a child that can work has to itself. */
  readonly #deviceOf = new Map<TypescriptChild, string>();

  /**
   * @param devices ids of graphics cards, one for each job at a time; a child sees its own alone. Empty: children see what this process sees
   * @param buildLimitMs how long the code of a user's module may take to build its model
   * @param silenceLimitMs how long nothing may be heard of a child that works
   */
  constructor(
    private readonly devices: readonly string[] = [],
    private readonly buildLimitMs: number = mostBuildMs,
    private readonly silenceLimitMs: number = longestSilenceMs,
  ) {}

  /** Of the living children, idle or at work. */
  get processIds(): number[] {
    return [...this.#all].flatMap(({ process: { pid } }) => pid ?? []);
  }

  /** Start a child before there is a job for it. */
  warm(): void {
    this.#release(this.#start());
  }

  /**
   * Run a job to its end.
   *
   * @throws AnnealError when the job failed for good; `TrainingChildError`, with the end of its output when the child died, so a
   *   retry may help; the signal's reason when it was aborted, within 2 seconds and after a last checkpoint if the child could make one
   */
  async run(job: TrainingJob, callbacks: ChildCallbacks, signal?: AbortSignal): Promise<JobOutcome> {
    signal?.throwIfAborted();
    const child = this.#idle.pop() ?? this.#start();
    hold(child.process);
    child.output.clear();
    const checkpoints = new CheckpointQueue((path, step) => callbacks.onCheckpoint(path, step));
    try {
      const outcome = await Promise.race([this.#converse(child, job, callbacks, checkpoints, signal), checkpoints.failed]);
      await checkpoints.drained();
      this.#release(child);
      if (outcome) return outcome;
    } catch (error) {
      this.#discard(child);
      await checkpoints.drained().catch(() => undefined);
      throw error;
    }
    throw signal?.reason;
  }

  /** End every child, also those at work. */
  async close(): Promise<void> {
    const ended = [...this.#all].map((child) => new Promise((resolve) => child.process.once('close', resolve)));
    for (const child of this.#all) {
      // Else a process with nothing else to do would end while it waits.
      hold(child.process);
      this.#discard(child);
    }
    await Promise.all(ended);
  }

  #start(): TypescriptChild {
    const device = this.#freeDevice();
    const variables = { ...largePages(), ...(device === undefined ? {} : { CUDA_VISIBLE_DEVICES: device }) };
    const child = forkTypescript(childModule, variables, trainingFlags);
    const { process } = child;
    this.#all.add(child);
    if (device !== undefined) this.#deviceOf.set(child, device);
    process.once('exit', () => {
      this.#all.delete(child);
      this.#deviceOf.delete(child);
      const at = this.#idle.indexOf(child);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    // Heard of as the exit that follows, or by the job that it was started for.
    process.on('error', () => this.#discard(child));
    return child;
  }

  #release(child: TypescriptChild): void {
    letGo(child.process);
    this.#idle.push(child);
  }

  /** The device that the fewest children have; those that are being ended count no more. */
  #freeDevice(): string | undefined {
    const taken = [...this.#deviceOf.values()];
    const load = (device: string): number => taken.filter((each) => each === device).length;
    return this.devices.toSorted((one, other) => load(one) - load(other))[0];
  }

  #discard(child: TypescriptChild): void {
    this.#deviceOf.delete(child);
    child.process.kill('SIGKILL');
    if (child.process.pid === undefined) this.#all.delete(child);
  }

  /** @returns undefined when the child has stopped because the signal was aborted */
  #converse(
    child: TypescriptChild,
    job: TrainingJob,
    callbacks: ChildCallbacks,
    checkpoints: CheckpointQueue,
    signal: AbortSignal | undefined,
  ): Promise<JobOutcome | undefined> {
    return new Promise((resolve, reject) => {
      let killTimer: NodeJS.Timeout | undefined;
      let buildTimer: NodeJS.Timeout | undefined;
      const silence = new SilenceWatch(this.silenceLimitMs, () => finish(() => reject(silent(this.silenceLimitMs))));
      const finish = (settle: () => void): void => {
        silence.end();
        clearTimeout(killTimer);
        clearTimeout(buildTimer);
        child.process.off('message', onMessage).off('close', onClose).off('error', onError);
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const onMessage = (message: ChildMessage): void => {
        silence.heard();
        switch (message.kind) {
          case 'alive':
            break;
          case 'building':
            // Whoever waits for the outcome discards the child, which would not hear of a cancellation.
            buildTimer = setTimeout(() => finish(() => reject(endless(message.module, this.buildLimitMs))), this.buildLimitMs);
            break;
          case 'built':
            clearTimeout(buildTimer);
            break;
          case 'progress':
            callbacks.onProgress(message.progress);
            break;
          case 'curve':
            callbacks.onCurve?.(message.points);
            break;
          case 'checkpoint':
            checkpoints.push(message.path, message.step);
            break;
          case 'done':
            finish(() => resolve(message.outcome));
            break;
          case 'cancelled':
            finish(() => resolve(undefined));
            break;
          case 'failed':
            finish(() => reject(retryable(toError(message))));
            break;
        }
      };
      const onClose = (code: number | null, exitSignal: NodeJS.Signals | null): void =>
        finish(() => reject(signal?.aborted ? (signal.reason as Error) : crash(childDeath(child, code, exitSignal))));
      const onError = (error: Error): void => finish(() => reject(error));
      const onAbort = (): void => {
        send(child.process, { kind: 'cancel' });
        killTimer = setTimeout(() => child.process.kill('SIGKILL'), cancelGraceMs);
      };
      child.process.on('message', onMessage).on('close', onClose).on('error', onError);
      signal?.addEventListener('abort', onAbort);
      send(child.process, { kind: 'run', job });
    });
  }
}

function send(child: ChildProcess, message: ParentMessage): void {
  // A child that is gone answers with its exit.
  if (child.connected) child.send(message, () => {});
}

function crash({ text, ...death }: ChildDeath): Error {
  return new TrainingChildError(`The training process ${text}`, death);
}

function silent(limitMs: number): Error {
  return new TrainingChildError(
    `The training process gave no sign of life for ${limitMs / 60_000} minutes, and was ended: it hangs, or a single step takes longer than that, which a smaller training.batchSize makes shorter.`,
  );
}

function endless(module: string, limitMs: number): Error {
  return moduleFailure(
    module,
    `was still building the model after ${limitMs / 1000} seconds, and was ended`,
    'Look for a loop without an end in the function and in what runs when the file is imported; what takes long to compute belongs into the data.',
  );
}

function retryable(error: Error): Error {
  if (error instanceof AnnealError) return error;
  return new TrainingChildError(`The training failed: ${error.message.replace(/[.\s]+$/, '')}.`, undefined, { cause: error });
}

function hold(child: ChildProcess): void {
  child.ref();
  child.channel?.ref();
}

function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
  (child.stdout as Socket | null)?.unref();
  (child.stderr as Socket | null)?.unref();
}

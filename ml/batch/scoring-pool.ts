import { askChild } from '../child/ask-child.js';
import type { OnRows } from '../child/job-messages.js';
import { forkTypescript, type TypescriptChild } from '../child/typescript-child.js';
import type { Scored, ScoringJob } from './scoring-job.js';

const childModule = new URL('./child.ts', import.meta.url);
/** A job of many partitions comes back for the next one within moments. */
const idleMs = 10_000;

/**
 * Processes that predict partitions, so that their long calls keep no heartbeat waiting. As many as there are jobs at a time;
 * one that is done waits some seconds for the next job, with its model loaded.
 */
export class ScoringPool {
  readonly #idle: { readonly child: TypescriptChild; readonly timer: NodeJS.Timeout }[] = [];

  /**
   * @throws AnnealError as `scorePartition` does; `Error` when the process died, so a retry may help; the signal's reason as soon as
   *   it is aborted
   */
  async run(job: ScoringJob, onRows: OnRows, signal?: AbortSignal): Promise<Scored> {
    signal?.throwIfAborted();
    const child = this.#take();
    const scored = await askChild<Scored>(child, 'The prediction of a partition', job, onRows, signal);
    if (!signal?.aborted) this.#keep(child);
    return scored;
  }

  /** End the processes that wait. */
  close(): void {
    for (const { child, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      child.process.kill('SIGKILL');
    }
  }

  #take(): TypescriptChild {
    for (let waiting = this.#idle.pop(); waiting; waiting = this.#idle.pop()) {
      clearTimeout(waiting.timer);
      const { process } = waiting.child;
      if (process.connected && process.exitCode === null && process.signalCode === null) return this.#awake(waiting.child);
    }
    return forkTypescript(childModule);
  }

  #awake(child: TypescriptChild): TypescriptChild {
    child.process.ref();
    child.process.channel?.ref();
    child.output.clear();
    return child;
  }

  #keep(child: TypescriptChild): void {
    const timer = setTimeout(() => {
      this.#idle.splice(
        this.#idle.findIndex((waiting) => waiting.child === child),
        1,
      );
      child.process.kill('SIGKILL');
    }, idleMs).unref();
    // A worker that ends does not wait for it; it ends with the channel.
    child.process.unref();
    child.process.channel?.unref();
    this.#idle.push({ child, timer });
  }
}

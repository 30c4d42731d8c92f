import { performance } from 'node:perf_hooks';
import type { BatchWindow } from './batch-policy.js';

const keptLatencies = 512;

/** Collects what the batch policy looks at; each call costs a few assignments. */
export class LatencyWindow {
  readonly #latencies = new Float64Array(keptLatencies);
  #startedAt = performance.now();
  #requests = 0;
  #batches = 0;
  #rows = 0;
  #fullBatches = 0;
  #longestExecuteMs = 0;
  #busyMs = 0;

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  answered(latencyMs: number): void {
    this.#latencies[this.#requests++ % keptLatencies] = latencyMs;
  }

  executed(rows: number, executeMs: number, isFull: boolean): void {
    this.#batches++;
    this.#rows += rows;
    this.#busyMs += executeMs;
    if (isFull) this.#fullBatches++;
    if (executeMs > this.#longestExecuteMs) this.#longestExecuteMs = executeMs;
  }

  /** @returns what was seen, and begins anew */
  take(executors: number): BatchWindow {
    const sorted = this.#latencies.slice(0, Math.min(this.#requests, keptLatencies)).sort();
    const seen: BatchWindow = {
      batches: this.#batches,
      requests: this.#requests,
      rows: this.#rows,
      fullBatches: this.#fullBatches,
      p99Ms: sorted.length === 0 ? 0 : sorted[Math.ceil(sorted.length * 0.99) - 1],
      longestExecuteMs: this.#longestExecuteMs,
      busyShare: Math.min(1, this.#busyMs / Math.max(1, this.elapsedMs * executors)),
    };
    this.#startedAt = performance.now();
    this.#requests = this.#batches = this.#rows = this.#fullBatches = this.#longestExecuteMs = this.#busyMs = 0;
    return seen;
  }
}

/** How a model's requests are collected into batches. */
export interface BatchPolicy {
  /** No request joins a batch that has this many rows. */
  readonly maxRows: number;
  /** How long an idle executor waits for company. */
  readonly delayMs: number;
}

/** What was seen since the policy was adapted last. */
export interface BatchWindow {
  readonly batches: number;
  readonly requests: number;
  readonly rows: number;
  /** Batches that ended at `maxRows` although more requests waited. */
  readonly fullBatches: number;
  /** Of a request, from submission to answer. */
  readonly p99Ms: number;
  /** Of a batch. */
  readonly longestExecuteMs: number;
  /** Share of the time in which the executors had work. */
  readonly busyShare: number;
}

export interface BatchTarget {
  /** 99 of 100 requests should be answered within this. */
  readonly p99Ms: number;
  /** Bound of `maxRows`. */
  readonly maxRows: number;
  /** An executor beside the HTTP thread may wait for company; on the HTTP thread its loop collects what has arrived anyway. */
  readonly mayDelay: boolean;
}

const lightRequestsPerBatch = 1.2;
const heavyShare = 0.8;

/**
 * Adapt size and delay to hold a target of latency, by additive increase and multiplicative decrease.
 *
 * | seen                                                            | then                                                     |
 * | --------------------------------------------------------------- | -------------------------------------------------------- |
 * | p99 above the target, batches take more than half of it         | rows down to three quarters, no delay                    |
 * | p99 above the target otherwise: the queue is what takes time    | larger batches, which cost less a row; no delay          |
 * | p99 below half of the target, batches were full                 | rows up by an eighth                                     |
 * | p99 below half of the target, executors busy, more than a request a batch | a millisecond more of delay, up to an eighth of the target |
 * | light load (hardly more than one request a batch)               | no delay                                                 |
 *
 * Pure.
 *
 * @see Crankshaw et al. 2017, "Clipper: A Low-Latency Online Prediction Serving System", section 4.3
 */
export function adaptBatchPolicy(policy: BatchPolicy, seen: BatchWindow, target: BatchTarget): BatchPolicy {
  if (seen.batches === 0) return policy;
  const bounded = (rows: number): number => Math.max(1, Math.min(target.maxRows, Math.round(rows)));
  const larger = bounded(policy.maxRows + Math.max(1, policy.maxRows / 8));
  if (seen.p99Ms > target.p99Ms) {
    const isExecution = seen.longestExecuteMs > target.p99Ms / 2;
    const rowsPerBatch = seen.rows / seen.batches;
    return { maxRows: isExecution ? bounded(Math.min(policy.maxRows, Math.max(1, rowsPerBatch)) * 0.75) : larger, delayMs: 0 };
  }
  const isLight = seen.requests / seen.batches < lightRequestsPerBatch;
  const hasRoom = seen.p99Ms < target.p99Ms / 2;
  const maxRows = hasRoom && seen.fullBatches > 0 ? larger : policy.maxRows;
  if (isLight || !target.mayDelay) return { maxRows, delayMs: 0 };
  if (hasRoom && seen.busyShare >= heavyShare) return { maxRows, delayMs: Math.min(policy.delayMs + 1, Math.floor(target.p99Ms / 8)) };
  return { maxRows, delayMs: Math.max(0, policy.delayMs - 1) };
}

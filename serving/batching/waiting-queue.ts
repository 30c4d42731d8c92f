import { priorities, type RequestTerms } from '../request-terms.js';
import type { Batch, BatchOutputs } from '../tensors.js';

/** A request that waits for its batch. */
export interface Waiting {
  readonly batch: Batch;
  readonly terms: RequestTerms;
  readonly arrivedAt: number;
  readonly resolve: (outputs: BatchOutputs) => void;
  readonly reject: (error: unknown) => void;
  /** The executor of its batch died: it is run once more, alone. */
  isLastTry: boolean;
}

/** Requests in the order of their priority, then of their arrival. */
export class WaitingQueue {
  readonly #queues: Record<RequestTerms['priority'], Waiting[]> = { high: [], normal: [], low: [] };
  #rows = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get rows(): number {
    return this.#rows;
  }

  push(waiting: Waiting): void {
    this.#queues[waiting.terms.priority].push(waiting);
    this.#rows += waiting.batch.rows;
    this.#length++;
  }

  /** Put requests that were taken before all others of their priority. */
  putBack(taken: readonly Waiting[]): void {
    for (const waiting of taken.toReversed()) {
      this.#queues[waiting.terms.priority].unshift(waiting);
      this.#rows += waiting.batch.rows;
    }
    this.#length += taken.length;
  }

  /** @returns the requests of the next batch; the first one is taken however large it is, and alone in its last try */
  take(maxRows: number): Waiting[] {
    const taken: Waiting[] = [];
    let rows = 0;
    for (const priority of priorities) {
      const queue = this.#queues[priority];
      let count = 0;
      while (
        count < queue.length &&
        (taken.length + count === 0 || (rows + queue[count].batch.rows <= maxRows && !queue[count].isLastTry))
      ) {
        const { batch, isLastTry } = queue[count++];
        rows += batch.rows;
        if (isLastTry) break;
      }
      if (count > 0) taken.push(...queue.splice(0, count));
      // A later request must not overtake one that did not fit.
      if (queue.length > 0) break;
    }
    this.#rows -= rows;
    this.#length -= taken.length;
    return taken;
  }

  /** Remove the requests that nobody waits for, or whose time is over. */
  remove(isRemoved: (waiting: Waiting) => boolean): Waiting[] {
    const removed: Waiting[] = [];
    for (const priority of priorities) {
      const queue = this.#queues[priority];
      if (!queue.some(isRemoved)) continue;
      const kept: Waiting[] = [];
      for (const waiting of queue) (isRemoved(waiting) ? removed : kept).push(waiting);
      this.#queues[priority] = kept;
    }
    this.#forget(removed);
    return removed;
  }

  /**
   * Make room for a request of this priority at the cost of the youngest of lower ones.
   *
   * @returns the requests that have to go; none when they would not suffice
   */
  evict(rows: number, priority: RequestTerms['priority']): Waiting[] {
    const lower = priorities.slice(priorities.indexOf(priority) + 1).reverse();
    const candidates = lower.flatMap((each) => this.#queues[each].toReversed());
    const evicted: Waiting[] = [];
    let freed = 0;
    for (const waiting of candidates) {
      if (freed >= rows) break;
      evicted.push(waiting);
      freed += waiting.batch.rows;
    }
    if (freed < rows) return [];
    return this.remove((waiting) => evicted.includes(waiting));
  }

  earliestDeadline(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const priority of priorities) for (const { terms } of this.#queues[priority]) earliest = Math.min(earliest, terms.deadlineAt);
    return earliest;
  }

  #forget(removed: readonly Waiting[]): void {
    for (const { batch } of removed) this.#rows -= batch.rows;
    this.#length -= removed.length;
  }
}

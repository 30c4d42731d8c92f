import type { RequestSpan } from './tracing/span-record.js';

/** Requests of a higher priority are executed first, and are the last to be refused. */
export type Priority = 'high' | 'normal' | 'low';

/** From first to last. */
export const priorities: readonly Priority[] = ['high', 'normal', 'low'];

/** What a caller wants beside its rows. One object a request, which its transport may change while the request waits. */
export interface RequestTerms {
  readonly priority: Priority;
  /** On the clock of `performance.now()`; from then on the answer is worth nothing and the work is not begun. */
  readonly deadlineAt: number;
  /** Nobody waits for the answer any more: the work is not begun. */
  isCancelled: boolean;
  /** Under which it is logged; empty: it has none. */
  requestId: string;
  /** Of a request that is traced. */
  span?: RequestSpan;
}

export function requestTerms(terms: Partial<RequestTerms> = {}): RequestTerms {
  return { priority: 'normal', deadlineAt: Number.POSITIVE_INFINITY, isCancelled: false, requestId: '', ...terms };
}

/** There are more requests than the executor can answer; worth a retry a little later. */
export class OverloadedError extends Error {
  constructor(readonly retryAfterSeconds = 1) {
    super('This host has more requests than it can answer. Try again shortly, or add a host.');
    this.name = 'OverloadedError';
  }
}

/** The request's own `timeout` passed before its work was begun. */
export class DeadlineExceededError extends Error {
  constructor() {
    super('The timeout of the request passed before this host could begin to work on it. Allow it more time, or try again.');
    this.name = 'DeadlineExceededError';
  }
}

/** Nobody is there to be answered. */
export class RequestCancelledError extends Error {
  constructor() {
    super('The client took its request back.');
    this.name = 'RequestCancelledError';
  }
}

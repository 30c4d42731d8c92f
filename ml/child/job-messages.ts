import type { FailureMessage } from './failure-message.js';

/** What a child process says of the job that it was given. */
export type JobMessage<Result> =
  | { readonly kind: 'progress'; readonly rows: number; readonly totalRows: number; readonly readShare?: number }
  | { readonly kind: 'done'; readonly result: Result }
  | FailureMessage;

/** @param readShare how much of its input, from 0 to 1, the job has read, before its first row is done */
export type OnRows = (rows: number, totalRows: number, readShare?: number) => void;

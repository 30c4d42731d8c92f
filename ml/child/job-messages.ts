import type { FailureMessage } from './failure-message.js';

/** What a child process says of the job that it was given. */
export type JobMessage<Result> =
  | { readonly kind: 'progress'; readonly rows: number; readonly totalRows: number }
  | { readonly kind: 'done'; readonly result: Result }
  | FailureMessage;

export type OnRows = (rows: number, totalRows: number) => void;

import { AnnealError, type FailureType } from '../../contracts/failures.js';

/** An error on its way from a child process; structured cloning would lose its class. */
export interface FailureMessage {
  readonly kind: 'failed';
  readonly message: string;
  readonly stack?: string;
  /** Set for an `AnnealError`. */
  readonly type?: FailureType;
  readonly details?: unknown;
}

export function toFailureMessage(error: unknown): FailureMessage {
  if (!(error instanceof Error)) return { kind: 'failed', message: String(error) };
  const { message, stack } = error;
  return error instanceof AnnealError
    ? { kind: 'failed', message, stack, type: error.type, details: error.details }
    : { kind: 'failed', message, stack };
}

/** @returns an `AnnealError` if it was one, with the stack of the child */
export function toError({ message, stack, type, details }: FailureMessage): Error {
  const error = type === undefined ? new Error(message) : new AnnealError(type, message, details);
  if (stack !== undefined) error.stack = stack;
  return error;
}

import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { DeadlineExceededError, OverloadedError } from '../request-terms.js';
import { NoRunnerError, RequestCrashedError, RequestStuckError } from '../executors/runner.js';

/** A refusal with its status. The message is one paragraph and repeats nothing of what the client sent. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'HttpError';
  }
}

/** The request does not fit the model's inputs, or is not what the route takes. */
export function badRequest(message: string): HttpError {
  return new HttpError(400, message);
}

/** @returns the error as the client may see it, or undefined for one that is ours and goes into the log only */
export function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (error instanceof AnnealError && error.type === failureTypes.invalidRequest) return badRequest(error.message);
  if (error instanceof AnnealError && error.type === failureTypes.unknownModelVersion) return new HttpError(404, error.message);
  if (error instanceof OverloadedError) return new HttpError(429, error.message, { 'retry-after': String(error.retryAfterSeconds) });
  if (error instanceof DeadlineExceededError) return new HttpError(504, error.message);
  if (error instanceof NoRunnerError) return new HttpError(503, error.message, { 'retry-after': String(error.retryAfterSeconds) });
  if (error instanceof RequestCrashedError || error instanceof RequestStuckError) return new HttpError(500, error.message);
  return undefined;
}

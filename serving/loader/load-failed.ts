import { AnnealError, failureTypes } from '../../contracts/failures.js';

/** @param what a clause that says what is wrong with the version, and what to do */
export function loadFailed(what: string, cause?: unknown): AnnealError {
  return new AnnealError(failureTypes.loadFailed, `The version cannot be served: ${what}`, undefined, { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** In the middle of a sentence: onnxruntime ends some of its messages with a full stop. */
export function clauseOf(error: unknown): string {
  return messageOf(error).replace(/\.+$/, '');
}

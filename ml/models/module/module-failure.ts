import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { placeOf } from './source-place.js';

/** A module that cannot be used; `problem` goes on after its name, `remedy` is a sentence. */
export function moduleFailure(module: string, problem: string, remedy: string, cause?: unknown): AnnealError {
  return new AnnealError(failureTypes.invalidModel, `The model's module ${module} ${problem}. ${remedy}`, undefined, { cause });
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0].replace(/[.\s]+$/, '');
}

/** The message, with the place in the user's files where there is one. */
export function problemOf(error: unknown, module: string): string {
  const place = placeOf(error, module);
  return `${messageOf(error)}${place === undefined ? '' : ` (${place})`}`;
}

import { AnnealError, failureTypes } from '../../../contracts/failures.js';

/** A module that cannot be used; `problem` goes on after its name, `remedy` is a sentence. */
export function moduleFailure(module: string, problem: string, remedy: string, cause?: unknown): AnnealError {
  return new AnnealError(failureTypes.invalidModel, `The model's module ${module} ${problem}. ${remedy}`, undefined, { cause });
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0].replace(/[.\s]+$/, '');
}

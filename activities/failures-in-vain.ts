import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { FailuresInVain } from '../contracts/training.js';
import type { TrainingChildError } from '../ml/train/training-child-error.js';

/** Of exits of its own accord that a training process makes without a checkpoint between them: what runs in it asks for them. */
const mostExits = 3;
/** Of failures of a training process in all; a lack of memory may pass, one that comes back at the same step does not. */
const mostFailures = 10;

/**
 * Count a failure of the training process, which Temporal would have tried again. Pure.
 *
 * @param before as the attempt before this one has counted
 * @param step of the furthest checkpoint that was stored, over all attempts; a further one than before begins the count anew
 * @returns the count, and what there is to throw: the error, or one that is not tried again
 */
export function countFailure(
  before: FailuresInVain | undefined,
  error: TrainingChildError,
  step: number,
): { readonly failures: FailuresInVain; readonly error: Error } {
  const earlier = before && step <= before.step ? before : { failures: 0, exits: 0 };
  const failures = { step, failures: earlier.failures + 1, exits: earlier.exits + (error.exitCode === undefined ? 0 : 1) };
  const isOver = failures.exits >= mostExits || failures.failures >= mostFailures;
  if (!isOver) return { failures, error };
  const times = failures.exits >= mostExits ? `exited by itself ${failures.exits} times` : `failed ${failures.failures} times`;
  const remedy =
    failures.exits >= mostExits
      ? "A model file that ends its process does so each time: look for process.exit in it, and for errors outside of the function's own run."
      : 'See its last output and the logs of the training workers; with a lack of memory, use smaller batches or a smaller model.';
  return {
    failures,
    error: new AnnealError(
      failureTypes.trainingCrashed,
      `${error.happened} It ${times} without a new checkpoint in between${step > 0 ? ` after step ${step}` : ''}, so it is not tried again. ${remedy}`,
      { ...failures },
      { cause: error },
    ),
  };
}

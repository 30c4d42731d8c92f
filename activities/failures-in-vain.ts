import { AnnealError, failureTypes } from '../contracts/failures.js';
import { type AttemptsInVain, type FailuresInVain, trainingRetry } from '../contracts/training.js';
import type { TrainingChildError } from '../ml/train/child/training-child-error.js';

/** Of ends that what runs in a training process makes without a checkpoint between them: it would make them each time. */
const mostExits = 3;
/** Of failures of a training process in all; a lack of memory may pass, one that comes back at the same step does not. */
const mostFailures = 10;

/** Signals that a process's own code ends it by; the kernel's out-of-memory killer and people send others. */
const crashSignals: ReadonlySet<NodeJS.Signals | undefined> = new Set(['SIGABRT', 'SIGSEGV', 'SIGILL', 'SIGBUS', 'SIGFPE', 'SIGTRAP']);

const generalRemedy =
  'See its last output and the logs of the training workers; with a lack of memory, use smaller batches or a smaller model.';

/**
 * Count a failure of the training process, which Temporal would have tried again. Pure.
 *
 * An exit of the process's own accord counts apart. So does a crash from within where a model file of the user's runs there; where
 * none does, it is native code's, which may do better the next time.
 *
 * @param before as the attempt before this one has counted
 * @param step of the furthest checkpoint that was stored, over all attempts; a further one than before begins the count anew
 * @param module the model file as the pipeline names it; absent for a built-in family
 * @returns the count, and what there is to throw: the error, or one that is not tried again
 */
export function countFailure(
  before: FailuresInVain | undefined,
  error: TrainingChildError,
  step: number,
  module?: string,
): { readonly failures: FailuresInVain; readonly error: Error } {
  const earlier = before && step <= before.step ? before : { failures: 0, exits: 0 };
  const isExit = error.death?.exitCode !== undefined || (module !== undefined && isOwnCrash(error));
  const failures = { step, failures: earlier.failures + 1, exits: earlier.exits + (isExit ? 1 : 0) };
  // Whichever comes to its number is of the kind of this last failure.
  const isByExits = failures.exits >= mostExits;
  if (!isByExits && failures.failures < mostFailures) return { failures, error };
  const times = isByExits ? exitedTimes(error, failures.exits) : `failed ${failures.failures} times`;
  const remedy = isByExits ? exitRemedy(error, module) : failureRemedy(error);
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

/**
 * Count the attempt that begins. Pure.
 *
 * A training on machines that are taken away again and again may need any number of attempts, as long as it gets further.
 *
 * @param attempts as the attempt before this one has counted; none begun before the first
 * @throws AnnealError `TrainingCrashed`, not tried again, when enough were begun in vain: each ended with its worker, or by its silence
 */
export function countAttempt({ step, begun }: AttemptsInVain): AttemptsInVain {
  if (begun < trainingRetry.mostInVain) return { step, begun: begun + 1 };
  const since = step > 0 ? ` since its checkpoint of step ${step}` : '';
  throw new AnnealError(
    failureTypes.trainingCrashed,
    `The training was begun ${begun} times${since}, and its worker ended or fell silent each time before there was a new checkpoint, so it is not tried again. See the logs of the training workers, and whether something ends them: a lack of memory on the machine, or whoever runs them.`,
    { step, begun },
  );
}

/** Whether an attempt that fails is the last one. */
export function isLastInVain({ begun }: AttemptsInVain): boolean {
  return begun >= trainingRetry.mostInVain;
}

/**
 * How long to wait before a training is tried again, in ms: the pauses grow with the failures in vain, as Temporal's retry policy has them
 * grow with the attempts, and begin anew where a training has got further.
 */
export function pauseAfterMs({ failures }: FailuresInVain): number {
  const { initialIntervalMs, maximumIntervalMs } = trainingRetry;
  return Math.min(maximumIntervalMs, initialIntervalMs * 2 ** (failures - 1));
}

/** A machine that has no memory left now may have some later; V8's heap has the same limit each time. */
function isOwnCrash({ death }: TrainingChildError): boolean {
  return crashSignals.has(death?.signal) && death?.shortage !== 'machine';
}

function failureRemedy({ advice }: TrainingChildError): string {
  if (advice === undefined) return generalRemedy;
  return `${advice} Then Temporal's Reset lets the run go on from its last checkpoint (docs/operations.md); anneal run begins anew.`;
}

function exitedTimes({ death }: TrainingChildError, times: number): string {
  return death?.signal === undefined ? `exited by itself ${times} times` : `was ended by what runs in it ${times} times`;
}

function exitRemedy({ death }: TrainingChildError, module: string | undefined): string {
  if (death?.shortage === 'heap') {
    return `JavaScript's memory has a limit of its own: look for what the model file ${module} keeps in arrays and objects, or start the training workers with NODE_OPTIONS=--max-old-space-size and more megabytes.`;
  }
  if (death?.signal !== undefined) {
    return `${death.signal} comes from code in the process, where the model file ${module} runs: look for process.abort in it and in what it imports, and for packages with native code.`;
  }
  return "A model file that ends its process does so each time: look for process.exit in it, and for errors outside of the function's own run.";
}

import { ApplicationFailure } from '@temporalio/common';
import { AnnealError } from '../contracts/failures.js';
import { withArtifactsInUse } from '../stores/artifact-use.js';

/**
 * Turn a permanent failure of `ml`, `serving` or `stores` into one that Temporal does not retry.
 *
 * @returns an `AnnealError` as a non-retryable `ApplicationFailure` of the same type, message and details;
 *   anything else (a cancellation, a transient error) as it is, so that the retry policy decides
 */
export function toActivityFailure(error: unknown): unknown {
  if (!(error instanceof AnnealError)) return error;
  return ApplicationFailure.create({
    message: error.message,
    type: error.type,
    nonRetryable: true,
    details: error.details === undefined ? [] : [error.details],
    cause: error.cause instanceof Error ? error.cause : undefined,
  });
}

// oxlint-disable-next-line typescript/no-explicit-any -- activities have any parameters; the wrapped object keeps its exact type
type AnyActivity = (...parameters: any[]) => Promise<unknown>;

/**
 * Wrap every activity of a group so that it fails as `toActivityFailure` says, and that the artifacts it reads stay on this
 * machine until it has ended.
 *
 * @returns an object of the same shape, to be given to `Worker.create`
 */
export function withActivityFailures<T extends { [name in keyof T]: AnyActivity }>(activities: T): T {
  const wrapped: Record<string, AnyActivity> = {};
  for (const [name, activity] of Object.entries<AnyActivity>(activities)) {
    wrapped[name] = async (...parameters) => {
      try {
        return await withArtifactsInUse(() => activity(...parameters));
      } catch (error) {
        throw toActivityFailure(error);
      }
    };
  }
  return wrapped as T;
}

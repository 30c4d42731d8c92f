import { AnnealError, failureTypes } from '../contracts/failures.js';
import { CommandError, exitCodes } from './command-error.js';

interface ErrorLike {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly cause?: unknown;
}

/**
 * Say an error as one paragraph, without a stack trace.
 *
 * Errors of Temporal's client are known by their names, so that a command that never talks to Temporal need not load it.
 *
 * @param address of the Temporal server, for the advice
 */
export function renderError(error: unknown, address: string): string {
  if (error instanceof CommandError || error instanceof AnnealError) return error.message;
  const { name, message = String(error) } = (typeof error === 'object' && error !== null ? error : {}) as ErrorLike;
  if (isUnreachable(error)) {
    return `Temporal cannot be reached at ${address}. Start the stack with "anneal up" (or "npm start"), or set TEMPORAL_ADDRESS to the address of a server that runs.`;
  }
  const failure = innermostFailure(error);
  if (failure) return failure;
  if (name === 'WorkflowNotFoundError') return `${message}. "anneal runs" lists the runs that exist.`;
  return `${message.trim().replace(/\.?$/, '.')} Run the command again with --debug to see where it happened.`;
}

/** A call that the server did not answer, wherever in the chain of causes. */
function isUnreachable(error: unknown): boolean {
  for (let at = error as ErrorLike | undefined, depth = 0; at && depth < 6; at = at.cause as ErrorLike | undefined, depth++) {
    // 14 UNAVAILABLE, 4 DEADLINE_EXCEEDED of gRPC
    if (at.code === 14 || at.code === 4) return true;
    if (/Failed to connect before the deadline|ECONNREFUSED|UNAVAILABLE/.test(at.message ?? '')) return true;
  }
  return false;
}

/** Workflows and updates wrap what really happened: the deepest failure that a part of Anneal raised on purpose. */
function innermostFailure(error: unknown): string | undefined {
  let found: string | undefined;
  for (let at = error as ErrorLike | undefined, depth = 0; at && depth < 8; at = at.cause as ErrorLike | undefined, depth++) {
    if (at.name === 'ApplicationFailure' && at.message) found = at.message;
  }
  return found;
}

/** By its name: a pipeline's file may have loaded the class once more. */
function isAnnealError(error: unknown): error is AnnealError {
  return error instanceof AnnealError || (error instanceof Error && error.name === 'AnnealError');
}

const mistakes: ReadonlySet<string> = new Set([failureTypes.invalidPipeline, failureTypes.invalidModel]);

/** @returns what the process exits with */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  // A definition that is not valid, or a model's file that cannot be read, is a mistake in what was given, as an unknown option is.
  return isAnnealError(error) && mistakes.has(error.type) ? exitCodes.usage : exitCodes.failed;
}

import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { failureTypes } from '../contracts/failures.js';

/** What a person should read of a failure: the message at its root, not the wrappings of activity and child workflow. */
export function failureReason(error: unknown): string {
  if (isCancellation(error)) return 'The run was cancelled.';
  const root = rootOf(error);
  if (root instanceof TerminatedFailure) return 'Its workflow was terminated.';
  if (root instanceof TimeoutFailure && error instanceof ActivityFailure) {
    return `Activity ${error.activityType} timed out (${root.timeoutType}) after its last attempt. See the workers' logs for what it was doing, and whether a worker of its queue was running.${root.cause ? ` Its last failure: ${root.cause.message}` : ''}`;
  }
  return root instanceof Error ? root.message : String(root);
}

/** Whether a newer run's model stands in the way; no fault of this run. */
export function isSuperseded(error: unknown): boolean {
  const root = rootOf(error);
  return root instanceof ApplicationFailure && root.type === failureTypes.superseded;
}

/** Whether another version serves than the one that was compared with. */
export function isChampionChanged(error: unknown): boolean {
  const root = rootOf(error);
  return root instanceof ApplicationFailure && root.type === failureTypes.championChanged;
}

/** Whether the file of the user's model cannot be used; so it fails for all who give it the same. */
export function isOfModelFile(error: unknown): boolean {
  const root = rootOf(error);
  if (!(root instanceof ApplicationFailure) || root.type !== failureTypes.invalidModel) return false;
  const [details] = (root.details ?? []) as readonly ({ readonly module?: unknown } | null | undefined)[];
  return typeof details?.module === 'string';
}

function rootOf(error: unknown): unknown {
  let root = error;
  while ((root instanceof ActivityFailure || root instanceof ChildWorkflowFailure) && root.cause) root = root.cause;
  return root;
}

import { ActivityFailure, ChildWorkflowFailure, isCancellation, TerminatedFailure, TimeoutFailure } from '@temporalio/workflow';

/** What a person should read of a failure: the message at its root, not the wrappings of activity and child workflow. */
export function failureReason(error: unknown): string {
  if (isCancellation(error)) return 'The run was cancelled.';
  let root: unknown = error;
  while ((root instanceof ActivityFailure || root instanceof ChildWorkflowFailure) && root.cause) root = root.cause;
  if (root instanceof TerminatedFailure) return 'Its workflow was terminated.';
  if (root instanceof TimeoutFailure && error instanceof ActivityFailure) {
    return `Activity ${error.activityType} timed out (${root.timeoutType}) after its last attempt. See the workers' logs for what it was doing, and whether a worker of its queue was running.${root.cause ? ` Its last failure: ${root.cause.message}` : ''}`;
  }
  return root instanceof Error ? root.message : String(root);
}

import { proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { InferenceActivities } from './activities.js';
import { failureTypes } from './failures.js';
import { taskQueues } from './task-queues.js';

/**
 * How the activity is tried unless a caller says otherwise.
 *
 * Hosts that are restarted, or promote, are back within seconds, and a whole fleet that is replaced within minutes; where nobody
 * answers for longer, somebody has to be told.
 */
const defaults = {
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '10 seconds', nonRetryableErrorTypes: Object.values(failureTypes) },
} as const;

/**
 * The `predict` activity for any workflow: `const { predictions } = await predictActivity()({ model: 'flight-delay', instances: [{ … }] })`.
 *
 * Any inference host of the namespace answers. A retry is safe. A request that does not fit (`InvalidRequest`) and a model that
 * is not served (`UnknownModelVersion`) fail at once. That no host is there, or none can answer, is waited out for ten minutes, retries
 * included; then the call fails with an `ActivityFailure`, whose cause is a `TimeoutFailure` or what the last try failed of.
 *
 * @param options override the defaults, e.g. `{ scheduleToCloseTimeout: '10 seconds' }` for an answer soon or none, and `undefined` to
 *   wait without end; of `retry` those fields that are given
 */
export function predictActivity({ retry, ...options }: ActivityOptions = {}): InferenceActivities['predict'] {
  return proxyActivities<InferenceActivities>({
    taskQueue: taskQueues.inference,
    ...defaults,
    ...options,
    retry: { ...defaults.retry, ...retry },
  }).predict;
}

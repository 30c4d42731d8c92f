import { proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { InferenceActivities } from './activities.js';
import { failureTypes } from './failures.js';
import { taskQueues } from './task-queues.js';

/**
 * The `predict` activity for any workflow: `const { predictions } = await predictActivity()({ model: 'flight-delay', instances: [{ … }] })`.
 *
 * Any inference host of the namespace answers. A retry is safe. A request that does not fit (`InvalidRequest`) and a model that
 * is not served (`UnknownModelVersion`) fail at once; that no host is there is waited out for as long as `options` say.
 *
 * @param options override the defaults, e.g. `{ scheduleToCloseTimeout: '10 seconds' }` for an answer soon or none
 */
export function predictActivity(options: ActivityOptions = {}): InferenceActivities['predict'] {
  return proxyActivities<InferenceActivities>({
    taskQueue: taskQueues.inference,
    startToCloseTimeout: '30 seconds',
    retry: { initialInterval: '200 milliseconds', maximumInterval: '10 seconds', nonRetryableErrorTypes: Object.values(failureTypes) },
    ...options,
  }).predict;
}

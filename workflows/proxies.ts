import { ActivityCancellationType, proxyActivities, type ActivityInterfaceFor } from '@temporalio/workflow';
import type { DataActivities, HostActivities, TrackingActivities, TrainingActivities } from '../contracts/activities.js';
import type { BatchActivities } from '../contracts/batch.js';
import { failureTypes } from '../contracts/failures.js';
import { hostTaskQueue, taskQueues } from '../contracts/task-queues.js';
import { trainingRetry } from '../contracts/training.js';

/** The activities as workflows call them: queue, timeouts and retries of each kind in one place. */

const nonRetryableErrorTypes = Object.values(failureTypes);

/** A retry of minutes in all: a broken disk or a full one is for people to mend, and is not tried for ever. */
export const data = proxyActivities<DataActivities>({
  taskQueue: taskQueues.data,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 8, nonRetryableErrorTypes },
});

/** Of a batch job: the stages of runs, for which somebody waits, go first. */
export const batch = proxyActivities<BatchActivities>({
  taskQueue: taskQueues.data,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  priority: { priorityKey: 4 },
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 8, nonRetryableErrorTypes },
});

/** More than a training that gets further has in its life: the activity counts those that do not, and ends them. */
const mostTrainingAttempts = 10_000;

/**
 * Heartbeats come every second, so a worker that was killed is noticed soon; an attempt resumes from the last checkpoint. After a failure
 * of its process the activity itself says how long the pause is.
 */
export const training = proxyActivities<Pick<TrainingActivities, 'trainModel'>>({
  taskQueue: taskQueues.training,
  startToCloseTimeout: '7 days',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: {
    initialInterval: trainingRetry.initialIntervalMs,
    maximumInterval: trainingRetry.maximumIntervalMs,
    maximumAttempts: mostTrainingAttempts,
    nonRetryableErrorTypes,
  },
});

/** Before a run reads anything: an answer of a second from a worker that is free, and none from one that is not. */
export const engineCheck = proxyActivities<Pick<TrainingActivities, 'checkEngines'>>({
  taskQueue: taskQueues.training,
  scheduleToStartTimeout: '5 seconds',
  startToCloseTimeout: '15 seconds',
  scheduleToCloseTimeout: '20 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 2, nonRetryableErrorTypes },
});

/** MLflow may still be starting, or be away for a while: hours of patience, at little cost. */
export const tracking = proxyActivities<TrackingActivities>({
  taskQueue: taskQueues.orchestration,
  startToCloseTimeout: '10 minutes',
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 1.5,
    maximumInterval: '30 seconds',
    maximumAttempts: 300,
    nonRetryableErrorTypes,
  },
});

/** For somebody who waits at a terminal: a registry that is away is an answer within a minute. */
export const registry = proxyActivities<Pick<TrackingActivities, 'resolveModelVersion'>>({
  taskQueue: taskQueues.orchestration,
  scheduleToCloseTimeout: '1 minute',
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds', nonRetryableErrorTypes },
});

/** Waits for the fleet inside `modelLifecycle`; a retry attaches to the same update. */
export const promotion = proxyActivities<Pick<TrackingActivities, 'promoteVersion'>>({
  taskQueue: taskQueues.orchestration,
  startToCloseTimeout: '2 days',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 20, nonRetryableErrorTypes },
});

/** One inference host, on its own queue. A host that does not fetch its task within 10 seconds is taken for absent. */
export function host(hostId: string): ActivityInterfaceFor<HostActivities> {
  return proxyActivities<HostActivities>({
    taskQueue: hostTaskQueue(hostId),
    scheduleToStartTimeout: '10 seconds',
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '20 seconds',
    retry: { initialInterval: '500 milliseconds', maximumAttempts: 3, nonRetryableErrorTypes },
  });
}

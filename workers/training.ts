import { availableParallelism, hostname } from 'node:os';
import { Worker } from '@temporalio/worker';
import { MlflowClient } from 'mlflow-ts-client';
import { createTrainingActivities } from '../activities/train.js';
import { taskQueues } from '../contracts/task-queues.js';
import { MlflowTracking } from '../stores/mlflow-tracking.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { describeDevices, readDevices } from './devices.js';
import { runWorker, workerDefaults } from './run-worker.js';

/**
 * Training: one activity at a time for each graphics card, whose process sees that card alone, or one at all.
 *
 * The cards stand in the worker's identity, which Temporal's UI and `anneal status` show.
 */
await runWorker('training', async ({ settings, logger, temporal, traced }) => {
  const { training } = settings;
  const devices = await readDevices({ visible: training.visibleDevices });
  const slots = training.slots ?? Math.max(1, devices.length);
  const threads = training.threads ?? Math.max(1, Math.floor(availableParallelism() / slots));
  logger.info({ devices, slots, threads }, 'training');
  const store = await openArtifactStore(settings);
  // Whoever logs a training's result has more patience.
  const mlflow = new MlflowClient({
    trackingUri: settings.mlflow.trackingUri,
    auth: settings.mlflow.auth,
    maxAttempts: 1,
    timeoutMs: 10_000,
  });
  const { uiUrl } = settings.mlflow;
  const tracking = new MlflowTracking(mlflow, store, { uiUrl, temporalUiUrl: settings.temporal.uiUrl, namespace: temporal.namespace });
  const activities = createTrainingActivities({
    store,
    slots,
    threads,
    devices: devices.map(({ id }) => id),
    scratchRoot: settings.scratch,
    openCurve: (page) => tracking.openCurve(page),
  });
  return Worker.create({
    ...workerDefaults,
    ...traced,
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue: taskQueues.training,
    // Health checks look for the machine's name at the end.
    ...(devices.length > 0 ? { identity: `${describeDevices(devices)} ${process.pid}@${hostname()}` } : {}),
    activities: { ...activities },
    maxConcurrentActivityTaskExecutions: slots,
    maxConcurrentActivityTaskPolls: 1,
    // A worker hears of a cancellation by the answer to a heartbeat, and a training is to stop within two seconds.
    maxHeartbeatThrottleInterval: '500 milliseconds',
    defaultHeartbeatThrottleInterval: '500 milliseconds',
  });
});

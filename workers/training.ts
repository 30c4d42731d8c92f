import { Worker } from '@temporalio/worker';
import { createTrainingActivities } from '../activities/train.js';
import { taskQueues } from '../contracts/task-queues.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { runWorker, workerDefaults } from './run-worker.js';

/** Training: as many activities at a time as there are devices. */
await runWorker('training', ({ settings, temporal }) => {
  const { slots, threads } = settings.training;
  return Worker.create({
    ...workerDefaults,
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue: taskQueues.training,
    activities: { ...createTrainingActivities({ store: new FileArtifactStore(settings.artifacts), slots, threads }) },
    maxConcurrentActivityTaskExecutions: slots,
    maxConcurrentActivityTaskPolls: 1,
  });
});

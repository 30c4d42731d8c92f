import { Worker } from '@temporalio/worker';
import { createTrainingActivities } from '../activities/train.js';
import { taskQueues } from '../contracts/task-queues.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { runWorker, workerDefaults } from './run-worker.js';

/** Training: as many activities at a time as there are devices. */
await runWorker('training', async ({ settings, temporal }) => {
  const { slots, threads } = settings.training;
  const store = await openArtifactStore(settings);
  return Worker.create({
    ...workerDefaults,
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue: taskQueues.training,
    activities: { ...createTrainingActivities({ store, slots, threads, scratchRoot: settings.scratch }) },
    maxConcurrentActivityTaskExecutions: slots,
    maxConcurrentActivityTaskPolls: 1,
  });
});

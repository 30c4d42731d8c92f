import { Worker } from '@temporalio/worker';
import { createEvaluateActivities } from '../activities/evaluate.js';
import { createExportActivities } from '../activities/export.js';
import { createIngestActivities } from '../activities/ingest.js';
import { createPrepareActivities } from '../activities/prepare.js';
import { createValidateActivities } from '../activities/validate.js';
import { taskQueues } from '../contracts/task-queues.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { runWorker, workerDefaults } from './run-worker.js';

/** Data sets and evaluation: two activities at a time, as each may hold a gigabyte and more. */
await runWorker('data', ({ settings, temporal }) => {
  const store = new FileArtifactStore(settings.artifacts);
  return Worker.create({
    ...workerDefaults,
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue: taskQueues.data,
    activities: {
      ...createIngestActivities({ store }),
      ...createValidateActivities({ store }),
      ...createPrepareActivities({ store }),
      ...createExportActivities({ store }),
      ...createEvaluateActivities({ store }),
    },
    maxConcurrentActivityTaskExecutions: 2,
    maxConcurrentActivityTaskPolls: 1,
  });
});

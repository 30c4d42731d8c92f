import { Worker } from '@temporalio/worker';
import { createBatchActivities } from '../activities/batch.js';
import { createEvaluateActivities } from '../activities/evaluate.js';
import { createExportActivities } from '../activities/export.js';
import { createIngestActivities } from '../activities/ingest.js';
import { createPrepareActivities } from '../activities/prepare.js';
import { createValidateActivities } from '../activities/validate.js';
import { taskQueues } from '../contracts/task-queues.js';
import { batchPlaces } from '../stores/batch-places.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { openRemoteFiles } from '../stores/open-remote-files.js';
import { runWorker, workerDefaults } from './run-worker.js';

/** Data sets and evaluation: two activities at a time, as each may hold a gigabyte and more. */
await runWorker('data', async ({ settings, temporal, traced }) => {
  const store = await openArtifactStore(settings);
  const remote = openRemoteFiles(settings.s3);
  const dependencies = { store, remote, scratchRoot: settings.scratch };
  return Worker.create({
    ...workerDefaults,
    ...traced,
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue: taskQueues.data,
    activities: {
      ...createIngestActivities(dependencies),
      ...createValidateActivities(dependencies),
      ...createPrepareActivities(dependencies),
      ...createExportActivities(dependencies),
      ...createEvaluateActivities(dependencies),
      ...createBatchActivities({ ...dependencies, openPlace: batchPlaces(settings.s3, settings.scratch) }),
    },
    maxConcurrentActivityTaskExecutions: 2,
    maxConcurrentActivityTaskPolls: 1,
  });
});

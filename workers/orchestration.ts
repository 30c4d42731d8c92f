import { Worker } from '@temporalio/worker';
import { createTrackingActivities } from '../activities/tracking.js';
import { taskQueues } from '../contracts/task-queues.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { runWorker, workerDefaults } from './run-worker.js';
import { ensureSearchAttributes } from './search-attributes.js';
import { workflowBundle } from './workflow-bundle.js';

/** All workflows, and the light I/O against MLflow and Temporal. */
await runWorker('orchestration', async ({ settings, logger, temporal, traced }) => {
  const [bundle] = await Promise.all([workflowBundle(settings, logger), ensureSearchAttributes(temporal, logger)]);
  const activities = createTrackingActivities({
    mlflow: settings.mlflow,
    temporalUiUrl: settings.temporal.uiUrl,
    namespace: temporal.namespace,
    store: await openArtifactStore(settings),
    client: temporal.client,
  });
  return Worker.create({
    ...workerDefaults,
    ...traced,
    connection: temporal.connection,
    namespace: temporal.namespace,
    taskQueue: taskQueues.orchestration,
    workflowBundle: bundle,
    activities: { ...activities },
    maxCachedWorkflows: 200,
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 20 },
  });
});

import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  batchWorkflowId,
  crossValidationWorkflowId,
  foldWorkflowId,
  modelWorkflowId,
  pipelineWorkflowId,
  rolloutWorkflowId,
  sweepWorkflowId,
  trialWorkflowId,
} from '../contracts/ids.js';
import { promoteUpdate, rollbackUpdate, waitForVersionUpdate, type ServedVersion } from '../contracts/serving.js';
import { hostTaskQueue, taskQueues } from '../contracts/task-queues.js';
import { approveUpdate, overrideValidationUpdate, statusQuery } from '../contracts/training-pipeline.js';
import { FakeBatch, testBatch } from '../testing/fake-batch.js';
import { FakeStages, permanent, testPipeline } from '../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../testing/workflow-environment.js';
import type { batchInference } from '../workflows/batch-inference.js';
import type { modelLifecycle } from '../workflows/model-lifecycle.js';
import type { trainingPipeline } from '../workflows/training-pipeline.js';

/**
 * Runs every workflow once against a Temporal dev server and keeps the histories under `workflows/replay/`, where a test
 * replays them with the code of the day. Run it (`npm run capture:histories`) when a workflow was changed on purpose,
 * before the first release of the change; a history of a release that may still run must stay replayable.
 */
const folder = new URL('../workflows/replay/', import.meta.url).pathname;
const ref = { uri: 'artifact:sha256/00', sha256: '00', sizeBytes: 1 };
const version = (number: string): ServedVersion => ({ version: number, bundle: { model: ref, manifest: ref, golden: ref } });

async function keep(client: Client, name: string, workflowId: string): Promise<void> {
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  const kept = { workflowId, ...(JSON.parse(historyToJSON(history)) as object) };
  const json = JSON.stringify(kept, (key, value: unknown) => (key === 'identity' ? 'worker' : key === 'stackTrace' ? '' : value), 1);
  await writeFile(join(folder, `${name}.json`), `${json.replaceAll(hostname(), 'worker')}\n`);
  process.stdout.write(`${name}: ${history.events?.length} events\n`);
}

function start(client: Client, run: string, spec: ReturnType<typeof testPipeline>) {
  const workflowId = pipelineWorkflowId(spec.name, run);
  return client.workflow.start<typeof trainingPipeline>('trainingPipeline', {
    workflowId,
    taskQueue: taskQueues.orchestration,
    args: [{ spec }],
  });
}

await mkdir(folder, { recursive: true });
const environment = await createWorkflowEnvironment();
const { client } = environment;
try {
  await withWorkers(environment, new FakeStages().activities(), async () => {
    const handle = await start(client, 'promoted', testPipeline());
    await handle.result();
    const sweepId = sweepWorkflowId(handle.workflowId);
    await keep(client, 'training-pipeline-promoted', handle.workflowId);
    await keep(client, 'sweep', sweepId);
    await keep(client, 'trial-pruned-or-completed', trialWorkflowId(sweepId, 0));

    const approved = await start(client, 'approved', testPipeline({ promotion: { approval: 'manual' }, sweep: undefined }));
    while ((await approved.query(statusQuery)).state !== 'awaiting-approval') await new Promise((resolve) => setTimeout(resolve, 50));
    await approved.executeUpdate(approveUpdate, { args: [{ reason: 'looks good' }] });
    await approved.result();
    await keep(client, 'training-pipeline-approved', approved.workflowId);

    const named = await start(client, 'engine-named', testPipeline({ training: { engine: 'tfjs-cpu' }, sweep: undefined }));
    await named.result();
    await keep(client, 'training-pipeline-engine-named', named.workflowId);

    const validated = await start(client, 'validated', testPipeline({ crossValidation: { kind: 'k-fold', folds: 3 }, sweep: undefined }));
    await validated.result();
    const crossValidationId = crossValidationWorkflowId(validated.workflowId);
    await keep(client, 'training-pipeline-cross-validated', validated.workflowId);
    await keep(client, 'cross-validation', crossValidationId);
    await keep(client, 'fold', foldWorkflowId(crossValidationId, 1));
  });

  const bad = new FakeStages({ partitions: 3, onValidate: () => ({ passed: false, refusal: 'column "x" is off' }) });
  await withWorkers(environment, bad.activities(), async () => {
    const overridden = await start(client, 'overridden', testPipeline({ sweep: undefined }));
    while ((await overridden.query(statusQuery)).state !== 'awaiting-override') await new Promise((resolve) => setTimeout(resolve, 50));
    await overridden.executeUpdate(overrideValidationUpdate, { args: [{ reason: 'known' }] });
    await overridden.result();
    await keep(client, 'training-pipeline-overridden', overridden.workflowId);
  });

  const failing = new FakeStages({
    onActivity: (name) => {
      if (name === 'validateDataset') throw permanent('column "x": expected float, found VARCHAR');
    },
  });
  await withWorkers(environment, failing.activities(), async () => {
    const handle = await start(client, 'failed', testPipeline());
    await handle.result().catch(() => undefined);
    await keep(client, 'training-pipeline-failed', handle.workflowId);
  });

  const batch = new FakeBatch({ partitions: 5, onSeal: (seal) => (seal === 0 ? [3] : []) });
  await withWorkers(environment, batch.activities(), async () => {
    const request = testBatch({ concurrency: 2 });
    const handle = await client.workflow.start<typeof batchInference>('batchInference', {
      workflowId: batchWorkflowId(request.model, request.job),
      taskQueue: taskQueues.orchestration,
      args: [{ request }],
    });
    await handle.result();
    await keep(client, 'batch-inference', handle.workflowId);
  });

  const hosts = {
    h: {
      loadVersion: async () => ({ hostId: 'h', loadMs: 1, goldenDifference: 0 }),
      activateVersion: async ({ epoch }: { epoch: number }) => ({ hostId: 'h', epoch }),
    },
  };
  const lifecycleActivities = {
    orchestration: { setModelAlias: async () => undefined },
    data: { unused: async () => undefined },
    training: { unused: async () => undefined },
    hosts,
  };
  await withWorkers(environment, lifecycleActivities, async () => {
    const handle = await client.workflow.start<typeof modelLifecycle>('modelLifecycle', {
      workflowId: modelWorkflowId('toy'),
      taskQueue: taskQueues.orchestration,
      args: [{ model: 'toy' }],
    });
    const lease = { hostId: 'h', taskQueue: hostTaskQueue('h'), url: 'http://127.0.0.1:8080', knownEpoch: 0, timeoutSeconds: 1 };
    await handle.executeUpdate(waitForVersionUpdate, { args: [lease] });
    for (const number of ['1', '2'])
      await handle.executeUpdate(promoteUpdate, { args: [{ version: version(number), reason: 'test', minHosts: 1, hostWaitSeconds: 5 }] });
    await handle.executeUpdate(rollbackUpdate, { args: [{ reason: 'worse', hostWaitSeconds: 5 }] });
    await keep(client, 'model-lifecycle', handle.workflowId);
    await keep(client, 'rollout', rolloutWorkflowId('toy', 1));
    await handle.terminate();
  });
} finally {
  await environment.teardown();
}

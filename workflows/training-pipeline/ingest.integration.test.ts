import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { pipelineWorkflowId } from '../../contracts/ids.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { taskQueues } from '../../contracts/task-queues.js';
import { FakeStages, testPipeline } from '../../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../../testing/workflow-environment.js';
import type { trainingPipeline } from '../training-pipeline.js';

describe('the ingestion', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
  });
  afterAll(async () => {
    await environment?.teardown();
  });

  function run(stages: FakeStages, spec: PipelineSpec): Promise<unknown> {
    return withWorkers(environment, stages.activities(), () =>
      environment.client.workflow.execute<typeof trainingPipeline>('trainingPipeline', {
        workflowId: pipelineWorkflowId(spec.name, `ingest-${stages.calls.length}-${spec.data.concurrency}`),
        taskQueue: taskQueues.orchestration,
        args: [{ spec }],
      }),
    );
  }

  it('takes every partition once, and seals them in their order', async () => {
    const stages = new FakeStages({ partitions: 7 });
    await run(stages, testPipeline({ data: { concurrency: 3 } }));
    const taken = stages.calls.filter((call) => call.startsWith('ingestPartition'));
    expect(taken.sort()).toEqual(Array.from({ length: 7 }, (_, i) => `ingestPartition ${i}`));
    expect(stages.calls).toContain('sealSnapshot 0 1 2 3 4 5 6');
  });

  it('gives the window in absolute times', async () => {
    const stages = new FakeStages();
    await run(stages, testPipeline({ source: { format: 'csv', uri: 'toy.csv', window: { column: 'at', since: '-1d', until: 'now' } } }));
    const [{ window }] = stages.ingested;
    expect(Date.parse(window!.until!) - Date.parse(window!.since!)).toBe(86_400_000);
  });
});

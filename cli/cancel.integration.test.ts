import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { pipelineWorkflowId } from '../contracts/ids.js';
import { taskQueues } from '../contracts/task-queues.js';
import { statusQuery } from '../contracts/training-pipeline.js';
import { FakeStages, testPipeline } from '../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../testing/workflow-environment.js';
import type { trainingPipeline } from '../workflows/training-pipeline.js';
import { cancel } from './cancel.js';

describe('anneal cancel', () => {
  let environment: TestWorkflowEnvironment;
  let printed: string[];
  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
  });
  afterAll(async () => {
    await environment?.teardown();
  });
  beforeEach(() => {
    process.env.TEMPORAL_ADDRESS = environment.address;
    printed = [];
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
  });

  it('ends a run that waits for somebody, once, and says so of one that has ended', async () => {
    const stages = new FakeStages();
    const spec = testPipeline({ promotion: { approval: 'manual' } });
    const run = '20261123-214500-x7k2';
    const workflowId = pipelineWorkflowId(spec.name, run);
    await withWorkers(environment, stages.activities(), async () => {
      const handle = await environment.client.workflow.start<typeof trainingPipeline>('trainingPipeline', {
        workflowId,
        taskQueue: taskQueues.orchestration,
        args: [{ spec }],
      });
      while ((await handle.query(statusQuery)).state !== 'awaiting-approval') await sleep(50);
      await cancel(workflowId, { json: true });
      expect(printed.map((line) => JSON.parse(line) as unknown)).toEqual([{ run: workflowId, workflowId, state: 'cancelled' }]);
      expect((await handle.describe()).status.name).toBe('CANCELLED');
      expect(stages.closed.map(({ outcome }) => outcome)).toEqual(['cancelled']);
      await expect(cancel(workflowId, {})).rejects.toThrow(`The run ${workflowId} does not run: it has ended (cancelled).`);
    });
  });

  it('knows what is no run', async () => {
    await expect(cancel('20261123-214500-0000', {})).rejects.toThrow('There is no run "20261123-214500-0000"');
    await expect(cancel('no run', {})).rejects.toMatchObject({ exitCode: 2 });
    await expect(cancel(pipelineWorkflowId('toy', '20261123-214500-0001'), {})).rejects.toThrow(/There is no run .*anneal runs/);
  });
});

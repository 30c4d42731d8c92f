import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { crossValidationWorkflowId, foldWorkflowId, pipelineWorkflowId } from '../contracts/ids.js';
import type { PipelineInput } from '../contracts/pipeline.js';
import { taskQueues } from '../contracts/task-queues.js';
import { statusQuery } from '../contracts/training-pipeline.js';
import { FakeStages, permanent, testPipeline } from '../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../testing/workflow-environment.js';
import type { trainingPipeline } from './training-pipeline.js';

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof trainingPipeline>;

describe('crossValidation', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
  });
  afterAll(async () => {
    await environment?.teardown();
  });

  let runs = 0;
  function run<T>(stages: FakeStages, changes: Partial<PipelineInput>, work: (handle: Handle) => Promise<T>): Promise<T> {
    const spec = testPipeline(changes);
    return withWorkers(environment, stages.activities(), async () => {
      const workflowId = pipelineWorkflowId(spec.name, `folds-${runs++}`);
      return work(
        await environment.client.workflow.start<typeof trainingPipeline>('trainingPipeline', {
          workflowId,
          taskQueue: taskQueues.orchestration,
          args: [{ spec }],
        }),
      );
    });
  }

  it('trains the chosen configuration on every fold, and tells mean and deviation', async () => {
    const stages = new FakeStages();
    await run(stages, { crossValidation: { kind: 'k-fold', folds: 4, labelIssues: true } }, async (handle) => {
      expect((await handle.result()).status).toBe('promoted');
      const status = await handle.query(statusQuery);
      const stage = status.stages.find(({ name }) => name === 'cross-validate');
      expect(stage).toMatchObject({ state: 'done', summary: 'auc 0.7250 ± 0.0129 on 4 folds' });
      const id = crossValidationWorkflowId(handle.workflowId);
      expect(status.crossValidation).toMatchObject({ kind: 'k-fold', workflowId: id, labelIssues: { rows: 12, share: 0.0143 } });
      const { mean, standardDeviation, values } = status.crossValidation!.metrics.auc!;
      expect(mean).toBeCloseTo(0.725, 12);
      expect(standardDeviation).toBeCloseTo(Math.sqrt(5 / 3) / 100, 12);
      expect(values).toEqual([0.71, 0.72, 0.73, 0.74]);
      const run = handle.workflowId.split('/').pop();
      expect(status.warnings).toContain(
        `12 rows are worth a look: the label may be wrong, and noisy outcomes look the same (1.4 %); \`anneal labels ${run}\` lists them.`,
      );

      const folds = stages.trained.filter(({ key }) => key.startsWith(id));
      const [final] = stages.trained.filter(({ key }) => key === handle.workflowId);
      expect(folds.map(({ key }) => key).sort()).toEqual([1, 2, 3, 4].map((fold) => foldWorkflowId(id, fold)));
      for (const { training, model } of folds) expect({ training, model }).toEqual({ training: final.training, model: final.model });
      for (const { key, page } of folds)
        expect(page).toMatchObject({ runId: 'r', nested: { kind: 'fold', number: Number(key.at(-1)), workflowId: key } });
      expect(stages.calls.filter((call) => call.startsWith('logFold')).sort()).toEqual([1, 2, 3, 4].map((fold) => `logFold ${fold}`));
      expect(stages.calls.indexOf('findLabelIssues')).toBeLessThan(stages.calls.indexOf('logCrossValidation'));
    });
  });

  it('promotes nothing whose mean over the folds misses its gate', async () => {
    const gates = [{ metric: 'auc', crossValidated: true, min: 0.74 }] as const;
    const stages = new FakeStages({ test: { auc: 0.9 } });
    await run(stages, { sweep: undefined, gates: [...gates], crossValidation: { kind: 'k-fold', folds: 4 } }, async (handle) => {
      expect((await handle.result()).status).toBe('rejected');
      expect((await handle.query(statusQuery)).reason).toContain('auc 0.725 < 0.74 (mean of 4 folds');
    });
  });

  it('never runs more folds at a time than it may', async () => {
    let now = 0;
    let most = 0;
    const stages = new FakeStages({
      onTrain: async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 200));
        now--;
      },
    });
    await run(stages, { sweep: undefined, crossValidation: { kind: 'k-fold', folds: 6, concurrency: 3 } }, (handle) => handle.result());
    expect(most).toBe(3);
  });

  it('trains the next fold while MLflow takes the last one in', async () => {
    let started: () => void;
    const lastTrains = new Promise<void>((resolve) => {
      started = resolve;
    });
    const stages = new FakeStages({
      onTrain: ({ key }) => {
        if (key.endsWith('/fold-4')) started();
      },
      // Would wait for ever if a fold kept its place until it is logged.
      onActivity: (name) => (name.startsWith('logFold') ? lastTrains : undefined),
    });
    await run(stages, { sweep: undefined, crossValidation: { kind: 'k-fold', folds: 4, concurrency: 1 } }, async (handle) => {
      expect((await handle.result()).status).toBe('promoted');
      const logged = stages.calls.filter((call) => call.startsWith('logFold'));
      expect(logged).toHaveLength(4);
      expect(Math.max(...logged.map((call) => stages.calls.indexOf(call)))).toBeLessThan(stages.calls.indexOf('logCrossValidation'));
    });
  });

  it('fails with the fold and its reason when a fold fails, and ends the others', async () => {
    const stages = new FakeStages({
      onTrain: ({ key }) => {
        if (key.endsWith('/fold-2')) throw permanent('Training diverged at step 7: the loss was NaN.');
      },
    });
    await run(stages, { sweep: undefined, crossValidation: { kind: 'k-fold', folds: 5, concurrency: 1 } }, async (handle) => {
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      const status = await handle.query(statusQuery);
      expect(status.reason).toBe('Fold 2 of 5 of the cross-validation failed: Training diverged at step 7: the loss was NaN.');
      expect(status.stages.find(({ name }) => name === 'cross-validate')?.state).toBe('failed');
      expect(stages.trained.map(({ key }) => key.at(-1))).toEqual(['1', '2']);
    });
  });

  it('is cancelled with its run, and its folds with it', async () => {
    const stages = new FakeStages({
      onTrain: async ({ key }) => {
        if (!key.includes('/fold-')) return;
        const context = Context.current();
        const beat = setInterval(() => context.heartbeat(), 100);
        await context.cancelled.finally(() => clearInterval(beat));
      },
    });
    await run(stages, { sweep: undefined, crossValidation: { kind: 'k-fold' } }, async (handle) => {
      while (stages.trained.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      await handle.cancel();
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect((await handle.query(statusQuery)).state).toBe('cancelled');
      for (const { key } of stages.trained) {
        expect((await environment.client.workflow.getHandle(key).describe()).status.name).toBe('CANCELLED');
      }
    });
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { batchStatusQuery, type BatchRequest } from '../contracts/batch.js';
import { batchWorkflowId } from '../contracts/ids.js';
import { taskQueues } from '../contracts/task-queues.js';
import { FakeBatch, testBatch, testVersion } from '../testing/fake-batch.js';
import { permanent } from '../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../testing/workflow-environment.js';
import type { batchInference } from './batch-inference.js';

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof batchInference>;

describe('batchInference', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await createWorkflowEnvironment({ 'limit.historyCount.suggestContinueAsNew': '60' });
  });
  afterAll(async () => {
    await environment?.teardown();
  });

  let jobs = 0;
  function begin(changes: Partial<BatchRequest>): Promise<Handle> {
    const request = testBatch({ job: `job-${jobs++}`, ...changes });
    return environment.client.workflow.start<typeof batchInference>('batchInference', {
      workflowId: batchWorkflowId(request.model, request.job),
      taskQueue: taskQueues.orchestration,
      args: [{ request }],
    });
  }
  function run<T>(batch: FakeBatch, changes: Partial<BatchRequest>, work: (handle: Handle) => Promise<T>): Promise<T> {
    return withWorkers(environment, batch.activities(), async () => work(await begin(changes)));
  }

  it('predicts every partition in a sliding window with the version that served at its start', async () => {
    const batch = new FakeBatch({
      partitions: 8,
      onPredict: async (partition) => {
        // The first ones wait for each other, however slowly they start; then one stays behind.
        while (batch.mostAtOnce < 3) await sleep(10);
        await sleep(partition === 0 ? 400 : 20);
      },
    });
    await run(batch, {}, async (handle) => {
      expect(await handle.result()).toMatchObject({ model: 'toy', version: '3', modelDigest: 'model-3', predicted: 800, parts: 8 });
      expect(batch.mostAtOnce).toBe(3);
      expect(batch.predicted.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      const status = await handle.query(batchStatusQuery);
      expect(status).toMatchObject({
        state: 'completed',
        partitions: { done: 8, total: 8 },
        rows: { predicted: 800, rejected: 0, total: 800 },
        version: '3',
      });
      const { searchAttributes } = await handle.describe();
      expect(searchAttributes.AnnealModelVersion).toEqual(['toy/3']);
    });
  });

  it('takes the version that is asked for', async () => {
    await run(new FakeBatch({ partitions: 1 }), { version: '7' }, async (handle) => {
      expect(await handle.result()).toMatchObject({ version: '7', modelDigest: 'model-7' });
    });
  });

  it('fails where nothing serves', async () => {
    await run(new FakeBatch({ partitions: 1, champion: () => undefined }), {}, async (handle) => {
      await expect(handle.result()).rejects.toMatchObject({
        cause: { message: expect.stringContaining('No version of a model "toy" serves') },
      });
    });
  });

  it('tries a partition again whose worker failed', async () => {
    let failures = 0;
    const batch = new FakeBatch({
      partitions: 2,
      onPredict: (partition) => {
        if (partition === 1 && failures++ === 0) throw new Error('the disk is full');
      },
    });
    await run(batch, {}, async (handle) => {
      expect(await handle.result()).toMatchObject({ predicted: 200 });
      expect(batch.predicted.filter((partition) => partition === 1)).toHaveLength(2);
    });
  });

  it('ends with the first partition that cannot be predicted, and goes on from there under the same name', async () => {
    let isBroken = true;
    const batch = new FakeBatch({
      partitions: 6,
      onPredict: (partition) => {
        if (partition === 3 && isBroken) throw permanent('file 3 is damaged');
      },
    });
    await withWorkers(environment, batch.activities(), async () => {
      const first = await begin({ job: 'again', concurrency: 1 });
      await expect(first.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect(await first.query(batchStatusQuery)).toMatchObject({ state: 'failed', reason: 'file 3 is damaged', partitions: { done: 3 } });
      isBroken = false;
      const planned = batch.planned;
      const second = await begin({ job: 'again', concurrency: 1 });
      expect(await second.result()).toMatchObject({ version: '3', predicted: 600 });
      expect(batch.planned).toBe(planned);
      expect(await second.query(batchStatusQuery)).toMatchObject({ reusedRows: 300 });
    });
  });

  it('stops its partitions when it is cancelled', async () => {
    const cancelled: number[] = [];
    const batch = new FakeBatch({
      partitions: 5,
      onPredict: async (partition) => {
        if (partition < 1) return;
        const { cancelled: wish, heartbeat } = Context.current();
        const timer = setInterval(() => Context.current().heartbeat(), 100);
        heartbeat();
        await wish.finally(() => {
          clearInterval(timer);
          cancelled.push(partition);
        });
      },
    });
    await run(batch, { concurrency: 2 }, async (handle) => {
      while (batch.predicted.length < 3) await sleep(20);
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ cause: expect.any(CancelledFailure) });
      expect(cancelled.toSorted((a, b) => a - b)).toEqual([1, 2]);
      expect(await handle.query(batchStatusQuery)).toMatchObject({ state: 'cancelled', partitions: { done: 1 } });
    });
  });

  it('continues as new with all that it knows, and predicts nothing twice', async () => {
    const batch = new FakeBatch({ partitions: 40, onPredict: () => ({ rows: 99, rejected: 1, reasons: { 'x is missing': 1 } }) });
    await run(batch, {}, async (handle) => {
      expect(await handle.result()).toMatchObject({ parts: 40 });
      const last = environment.client.workflow.getHandle(handle.workflowId);
      const { runId } = await last.describe();
      expect(runId).not.toBe(handle.firstExecutionRunId);
      expect(batch.predicted.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, partition) => partition));
      expect(await last.query(batchStatusQuery)).toMatchObject({
        state: 'completed',
        partitions: { done: 40, total: 40 },
        rows: { predicted: 3960, rejected: 40 },
        reasons: { 'x is missing': 40 },
      });
    });
  });

  it('fails as soon as more rows are rejected than it may be', async () => {
    const batch = new FakeBatch({ partitions: 20, onPredict: () => ({ rows: 50, rejected: 50, reasons: { 'x is missing': 50 } }) });
    await run(batch, { maxRejected: 0.1, concurrency: 1 }, async (handle) => {
      await expect(handle.result()).rejects.toMatchObject({
        cause: {
          type: 'InvalidData',
          message: expect.stringMatching(/250 rows cannot be predicted, more than 10\.0 % of the 2000 rows.*x is missing \(250\)/),
        },
      });
      expect(batch.predicted).toHaveLength(5);
    });
  });

  it('predicts again what the seal finds damaged, and gives up on a disk that loses it again and again', async () => {
    const healed = new FakeBatch({ partitions: 3, onSeal: (seal) => (seal === 0 ? [1] : []) });
    await run(healed, {}, async (handle) => {
      await handle.result();
      expect(healed.predicted.toSorted((a, b) => a - b)).toEqual([0, 1, 1, 2]);
    });
    await run(new FakeBatch({ partitions: 3, onSeal: () => [1] }), {}, async (handle) => {
      await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'ArtifactCorrupt' } });
    });
  });

  it('does not follow a promotion that comes meanwhile', async () => {
    let champion = '3';
    const batch = new FakeBatch({ partitions: 4, champion: () => testVersion(champion), onPredict: () => void (champion = '4') });
    await run(batch, { concurrency: 1 }, async (handle) => {
      expect(await handle.result()).toMatchObject({ version: '3' });
    });
  });
});

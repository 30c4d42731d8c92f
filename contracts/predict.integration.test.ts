import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ActivityFailure, ApplicationFailure, WorkflowFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { ActivityOptions } from '@temporalio/workflow';
import type { predictingPatiently } from '../testing/predicting-workflow.js';
import { createWorkflowEnvironment } from '../testing/workflow-environment.js';
import { failureTypes } from './failures.js';
import { taskQueues } from './task-queues.js';

const input = { model: 'm', instances: [{}] };

describe('predictActivity', () => {
  let environment: TestWorkflowEnvironment;
  let worker: Worker;
  let running: Promise<void>;
  let workflows = 0;
  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
    const workflowsPath = fileURLToPath(new URL('../testing/predicting-workflow.ts', import.meta.url));
    worker = await Worker.create({ connection: environment.nativeConnection, taskQueue: 'others', workflowsPath });
    running = worker.run();
  });
  afterAll(async () => {
    worker?.shutdown();
    await running;
    await environment?.teardown();
  });

  /** A workflow of another team that asks. */
  function start(options?: ActivityOptions): Promise<WorkflowHandleWithFirstExecutionRunId<typeof predictingPatiently>> {
    const args: [typeof input, ActivityOptions?] = [input, options];
    const run = { taskQueue: 'others', workflowId: `asks-${workflows++}`, args };
    return environment.client.workflow.start<typeof predictingPatiently>('predictingPatiently', run);
  }

  /** Seconds that the activity may take in all, tries and the time between them included. */
  async function allowedSeconds(options?: ActivityOptions): Promise<number> {
    const handle = await start(options);
    for (;;) {
      const { events } = await handle.fetchHistory();
      const scheduled = events?.find((event) => event.activityTaskScheduledEventAttributes);
      if (!scheduled) continue;
      await handle.terminate();
      return Number(scheduled.activityTaskScheduledEventAttributes!.scheduleToCloseTimeout?.seconds ?? 0);
    }
  }

  it('is tried for ten minutes in all unless the caller says otherwise', async () => {
    expect(await allowedSeconds()).toBe(600);
    expect(await allowedSeconds({ scheduleToCloseTimeout: '2 minutes' })).toBe(120);
  }, 60_000);

  it('fails at once where the request does not fit, also when the caller bounds the tries', async () => {
    let calls = 0;
    const predict = async () => {
      calls++;
      throw ApplicationFailure.create({ type: failureTypes.invalidRequest, message: 'no such column' });
    };
    const host = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue: taskQueues.inference,
      activities: { predict },
    });
    const failed = await host.runUntil(async () =>
      (await start({ retry: { maximumAttempts: 5 } })).result().catch((error: unknown) => error),
    );
    expect(failed).toBeInstanceOf(WorkflowFailedError);
    const { cause } = failed as WorkflowFailedError;
    expect(cause).toBeInstanceOf(ActivityFailure);
    expect(cause!.cause).toMatchObject({ type: failureTypes.invalidRequest });
    expect(calls).toBe(1);
  }, 60_000);
});

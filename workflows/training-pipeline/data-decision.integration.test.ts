import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { ValidationResult } from '../../contracts/activities.js';
import type { Anomaly } from '../../contracts/dataset.js';
import { pipelineWorkflowId } from '../../contracts/ids.js';
import type { PipelineInput } from '../../contracts/pipeline.js';
import { searchAttributes } from '../../contracts/search-attributes.js';
import { taskQueues } from '../../contracts/task-queues.js';
import { overrideValidationUpdate, recheckSourceUpdate, statusQuery, type PipelineStatus } from '../../contracts/training-pipeline.js';
import { FakeStages, permanent, testPipeline, type FakeBehaviour } from '../../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../../testing/workflow-environment.js';
import type { trainingPipeline } from '../training-pipeline.js';

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof trainingPipeline>;

const anomaly: Anomaly = { severity: 'error', rule: 'leakage', column: 'x', expected: 'no leak', found: 'the feature "x"' };
const bad: Partial<ValidationResult> = { passed: false, refusal: 'The data are bad. Mend them.', anomalies: [anomaly] };

describe('a run whose data do not meet the expectations', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
  });
  afterAll(async () => {
    await environment?.teardown();
  });

  let runs = 0;
  function run<T>(stages: FakeStages, expectations: PipelineInput['expectations'], work: (handle: Handle) => Promise<T>): Promise<T> {
    const spec = testPipeline({ expectations, sweep: undefined });
    return withWorkers(environment, stages.activities(), async () =>
      work(
        await environment.client.workflow.start<typeof trainingPipeline>('trainingPipeline', {
          workflowId: pipelineWorkflowId(spec.name, `decision-${runs++}`),
          taskQueue: taskQueues.orchestration,
          args: [{ spec }],
        }),
      ),
    );
  }

  async function until(handle: Handle, reached: (status: PipelineStatus) => boolean): Promise<PipelineStatus> {
    for (let attempt = 0; attempt < 600; attempt++) {
      const status = await handle.query(statusQuery);
      if (reached(status)) return status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the run did not get there within 30 seconds');
  }
  const untilWaiting = (handle: Handle) => until(handle, ({ state }) => state === 'awaiting-override');
  const refusalOf = async (update: Promise<unknown>): Promise<string> => {
    const error = await update.then(
      () => new Error('it was accepted'),
      (reason: unknown) => reason as Error & { cause?: Error },
    );
    return `${error.message} ${(error as { cause?: Error }).cause?.message}`;
  };

  /** Bad data until `mended` is set. */
  function mendable(): { readonly behaviour: FakeBehaviour; mended: boolean } {
    const source = { mended: false };
    const behaviour: FakeBehaviour = {
      onValidate: () => (source.mended ? {} : bad),
      identity: () => (source.mended ? 'new' : 'old'),
    };
    return Object.assign(source, { behaviour });
  }

  it('waits, says so everywhere, and goes on when somebody overrides it with a reason', async () => {
    const stages = new FakeStages({ onValidate: () => bad });
    await run(stages, {}, async (handle) => {
      const early = await refusalOf(handle.executeUpdate(overrideValidationUpdate, { args: [{ reason: '' }] }));
      expect(early).toMatch(/does not wait for a decision|reason is needed/);
      const waiting = await untilWaiting(handle);
      expect(waiting.awaitsOverride).toMatchObject({ refusal: bad.refusal, canOverride: true });
      expect(waiting.stages[1]).toMatchObject({ state: 'waiting', summary: 'waits for an override or a mended source' });
      expect(waiting.anomalies).toEqual([anomaly]);
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(searchAttributes.stage)).toBe('awaiting-override');
      expect(stages.calls).not.toContain('acceptDataset');
      expect(await refusalOf(handle.executeUpdate(overrideValidationUpdate, { args: [{ reason: ' ' }] }))).toContain('--reason');

      await handle.executeUpdate(overrideValidationUpdate, { args: [{ reason: 'x is fine ' }] });
      expect((await handle.result()).status).toBe('promoted');
      const { dataOverride, awaitsOverride, stages: ended } = await handle.query(statusQuery);
      expect(dataOverride).toMatchObject({ reason: 'x is fine', errors: ['leakage of "x"'] });
      expect(awaitsOverride).toBeUndefined();
      expect(ended[1]).toMatchObject({ state: 'done', summary: expect.stringContaining('overridden: x is fine') });
      expect(stages.calls).toContain('acceptDataset');
      expect(stages.registered[0].dataOverride).toBe('x is fine');
      expect(stages.tags).toEqual([{ waitsFor: 'override' }, { waitsFor: '' }, { dataOverride: 'x is fine' }]);
      expect(await refusalOf(handle.executeUpdate(recheckSourceUpdate))).toMatch(/completed|not found/);
    });
  });

  it('refuses to override data of which nothing is left, and says why and what to do', async () => {
    const gone = { severity: 'error', rule: 'missing-column', column: 'x', expected: 'a column', found: 'no such column' } as const;
    const stages = new FakeStages({ onValidate: () => ({ ...bad, anomalies: [gone], clean: undefined }) });
    await run(stages, {}, async (handle) => {
      const { awaitsOverride, stages: shown } = await untilWaiting(handle);
      expect(awaitsOverride!.canOverride).toBe(false);
      expect(shown[1].summary).toBe('waits for a mended source');
      expect(await refusalOf(handle.executeUpdate(overrideValidationUpdate, { args: [{ reason: 'all the same' }] }))).toMatch(
        /cannot be overridden: column "x": expected a column, found no such column\. Correct the source.*anneal recheck/,
      );
      await handle.cancel();
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect((await handle.query(statusQuery)).state).toBe('cancelled');
      expect(stages.calls).not.toContain('prepareDataset');
    });
  });

  it('ends rejected when a newer run was promoted meanwhile', async () => {
    const ref = { uri: 'artifact:sha256/00', sha256: '00', sizeBytes: 1 };
    const newer = {
      version: '7',
      bundle: { model: ref, manifest: ref, golden: ref },
      pipelineRun: 'later',
      runStartedAtMs: Date.now() + 60_000,
    };
    let isPromoted = false;
    const stages = new FakeStages({ onValidate: () => bad, champion: () => (isPromoted ? newer : undefined) });
    await run(stages, {}, async (handle) => {
      await untilWaiting(handle);
      isPromoted = true;
      await handle.executeUpdate(recheckSourceUpdate);
      expect(await handle.result()).toMatchObject({ status: 'rejected', reason: expect.stringMatching(/version 7 of the run later/) });
      expect(stages.calls).not.toContain('prepareDataset');
      expect(stages.closed).toMatchObject([{ outcome: 'rejected' }]);
    });
  });

  it('notices by itself that the source was mended', async () => {
    const source = mendable();
    const stages = new FakeStages(source.behaviour);
    await run(stages, { recheckSeconds: 1 }, async (handle) => {
      await until(handle, ({ awaitsOverride }) => (awaitsOverride?.looks ?? 0) >= 1);
      expect(stages.calls.filter((call) => call === 'validateDataset')).toHaveLength(1);
      source.mended = true;
      expect((await handle.result()).status).toBe('promoted');
      expect(stages.calls.filter((call) => call === 'validateDataset')).toHaveLength(2);
      expect((await handle.query(statusQuery)).dataOverride).toBeUndefined();
      expect(stages.registered[0].dataOverride).toBeUndefined();
    });
  });

  it('looks at once when it is asked to, and goes on waiting when the data are still bad', async () => {
    const source = mendable();
    const stages = new FakeStages(source.behaviour);
    await run(stages, {}, async (handle) => {
      await untilWaiting(handle);
      await handle.executeUpdate(recheckSourceUpdate);
      await until(handle, ({ awaitsOverride }) => awaitsOverride?.looks === 1);
      expect(stages.calls.filter((call) => call === 'validateDataset')).toHaveLength(2);
      source.mended = true;
      await handle.executeUpdate(recheckSourceUpdate);
      expect((await handle.result()).status).toBe('promoted');
    });
  });

  it('goes on waiting while the source cannot be read', async () => {
    let reads = 0;
    const stages = new FakeStages({
      onValidate: () => bad,
      onActivity: (name) => {
        if (/ingest/i.test(name) && reads++ > 0) throw permanent('half a file');
      },
    });
    await run(stages, {}, async (handle) => {
      await untilWaiting(handle);
      await handle.executeUpdate(recheckSourceUpdate);
      const status = await until(handle, ({ awaitsOverride }) => awaitsOverride?.looks === 1);
      expect(status.state).toBe('awaiting-override');
      expect(status.warnings).toEqual([expect.stringContaining('half a file')]);
      await handle.executeUpdate(overrideValidationUpdate, { args: [{ reason: 'as it was' }] });
      expect((await handle.result()).status).toBe('promoted');
    });
  });

  it('fails when nobody decides in time', async () => {
    const stages = new FakeStages({ onValidate: () => bad });
    await run(stages, { waitSeconds: 2, recheckSeconds: 1 }, async (handle) => {
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      const { state, reason } = await handle.query(statusQuery);
      expect({ state, reason }).toEqual({
        state: 'failed',
        reason: expect.stringMatching(/The data are bad.*Nobody decided within 2 seconds/),
      });
    });
  });

  it('fails at once where the pipeline says so', async () => {
    const stages = new FakeStages({ onValidate: () => bad });
    await run(stages, { onError: 'fail' }, async (handle) => {
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect(await handle.query(statusQuery)).toMatchObject({ state: 'failed', reason: 'The data are bad. Mend them.' });
      expect(stages.closed).toEqual([{ outcome: 'failed', reason: 'The data are bad. Mend them.' }]);
      expect(stages.calls).toContain('logDataReport');
    });
  });
});

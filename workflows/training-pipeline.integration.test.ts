import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError, WorkflowUpdateFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../contracts/failures.js';
import type { PipelineInput } from '../contracts/pipeline.js';
import { pipelineWorkflowId } from '../contracts/ids.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import type { ServedVersion } from '../contracts/serving.js';
import { searchAttributes } from '../contracts/search-attributes.js';
import { taskQueues } from '../contracts/task-queues.js';
import {
  approveUpdate,
  rejectUpdate,
  statusQuery,
  sweepStatusQuery,
  type PipelineStatus,
  type StageName,
} from '../contracts/training-pipeline.js';
import { type FakeBehaviour, FakeStages, permanent, testPipeline } from '../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../testing/workflow-environment.js';
import type { trainingPipeline } from './training-pipeline.js';

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof trainingPipeline>;

describe('trainingPipeline', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
  });
  afterAll(async () => {
    await environment?.teardown();
  });

  let runs = 0;
  function run<T>(stages: FakeStages, spec: PipelineSpec, work: (handle: Handle) => Promise<T>): Promise<T> {
    return withWorkers(environment, stages.activities(), async () => {
      const workflowId = pipelineWorkflowId(spec.name, `run-${runs++}`);
      const handle = await environment.client.workflow.start<typeof trainingPipeline>('trainingPipeline', {
        workflowId,
        taskQueue: taskQueues.orchestration,
        args: [{ spec }],
      });
      return work(handle);
    });
  }

  async function until(handle: Handle, reached: (status: PipelineStatus) => boolean): Promise<PipelineStatus> {
    for (let attempt = 0; attempt < 1200; attempt++) {
      const status = await handle.query(statusQuery);
      if (reached(status)) return status;
      await sleep(50);
    }
    throw new Error('the run did not get there within a minute');
  }

  it('promotes a model that is worse than the baseline only with a warning, where no gate forbids it', async () => {
    const worse = 'auc 0.4300, baseline 0.5000';
    await run(new FakeStages({ test: { auc: 0.43 } }), { ...testPipeline(), gates: [] }, async (handle) => {
      const result = await handle.result();
      expect(result).toMatchObject({ status: 'promoted', warnings: expect.arrayContaining([expect.stringContaining(worse)]) });
      expect((await handle.query(statusQuery)).belowBaseline).toContain(worse);
    });
  });

  it('warns of a training that began anew, and is promoted all the same', async () => {
    const beganAnew = 'The training began anew: its checkpoint at step 40 is of other code.';
    await run(new FakeStages({ training: { beganAnew } }), testPipeline(), async (handle) => {
      expect(await handle.result()).toMatchObject({ status: 'promoted', warnings: expect.arrayContaining([beganAnew]) });
      expect((await handle.query(statusQuery)).warnings).toContain(beganAnew);
    });
    await run(new FakeStages(), testPipeline(), async (handle) => {
      expect((await handle.result()).warnings ?? []).not.toContainEqual(expect.stringContaining('began anew'));
    });
  });

  it('says that it exports the model before it evaluates it, and that it waits for MLflow no longer than it does', async () => {
    const begun = new Map<string, () => void>();
    const held = ['openRun', 'trial', 'exportModel', 'evaluateModel'];
    const hold = (name: string): Promise<void> | void => {
      if (held.includes(name)) return new Promise((resolve) => begun.set(name, resolve));
    };
    const stages = new FakeStages({ onActivity: hold, onTrain: ({ key }) => hold(key.includes('/trial-0') ? 'trial' : '') });
    await run(stages, testPipeline(), async (handle) => {
      /** Of a stage in which an activity is held, which then goes on. */
      const summaryAt = async (activity: string, stage: StageName): Promise<string | undefined> => {
        const ofStage = ({ stages: all }: PipelineStatus) => all.find(({ name }) => name === stage)!;
        const status = await until(handle, (each) => begun.has(activity) && ofStage(each).state === 'running');
        held.splice(held.indexOf(activity), 1);
        begun.get(activity)!();
        return ofStage(status).summary;
      };
      expect(await summaryAt('openRun', 'sweep')).toBe('waits for MLflow');
      expect(await summaryAt('trial', 'sweep')).toBeUndefined();
      expect(await summaryAt('exportModel', 'evaluate')).toBe('export of the model');
      expect(await summaryAt('evaluateModel', 'evaluate')).toBeUndefined();
      expect((await handle.result()).status).toBe('promoted');
      expect((await handle.query(statusQuery)).stages.find(({ name }) => name === 'evaluate')!.summary).toMatch(/^auc 0\.8/);
    });
  });

  it('ends rejected, with its version registered, when what serves comes from a newer run', async () => {
    const asked: unknown[] = [];
    const onPromote: FakeBehaviour['onPromote'] = (input) => {
      asked.push(input);
      throw ApplicationFailure.create({ type: failureTypes.superseded, nonRetryable: true, message: 'version 5 serves' });
    };
    await run(new FakeStages({ onPromote }), testPipeline(), async (handle) => {
      expect(await handle.result()).toMatchObject({ status: 'rejected', version: '4', reason: 'version 5 serves' });
      const { startTime } = await handle.describe();
      const [{ version, unlessSuperseded }] = asked as { version: ServedVersion; unlessSuperseded: boolean }[];
      expect(unlessSuperseded).toBe(true);
      expect(Math.abs(version.runStartedAtMs! - startTime.getTime())).toBeLessThan(5);
    });
  });

  describe('of which another one was promoted while it ran', () => {
    const other: ServedVersion = {
      version: '3',
      bundle: {
        model: { uri: 'artifact:3', sha256: '3', sizeBytes: 1 },
        manifest: { uri: 'm', sha256: '3', sizeBytes: 1 },
        golden: { uri: 'g', sha256: '3', sizeBytes: 1 },
      },
    };
    /** The other run promotes when this one asks for its own promotion. */
    function overtaken(championTest: { auc: number }) {
      const asked: (string | null | undefined)[] = [];
      const requests: string[] = [];
      let champion: ServedVersion | undefined;
      const stages = new FakeStages({
        championTest,
        champion: () => champion ?? null,
        onPromote: ({ ifChampion, requestId }) => {
          asked.push(ifChampion);
          requests.push(requestId);
          if (champion !== undefined) return;
          champion = other;
          throw ApplicationFailure.create({ type: failureTypes.championChanged, nonRetryable: true, message: 'version 3 serves' });
        },
      });
      return { stages, asked, requests };
    }

    it('compares with that one, and is promoted when it is no worse', async () => {
      const { stages, asked, requests } = overtaken({ auc: 0.75 });
      await run(stages, testPipeline(), async (handle) => {
        expect(await handle.result()).toMatchObject({ status: 'promoted', version: '4' });
        expect(asked).toEqual([null, '3']);
        expect(new Set(requests).size).toBe(2);
        expect(await handle.query(statusQuery)).toMatchObject({ champion: { version: '3', metrics: { auc: 0.75 } } });
      });
    });

    it('is rejected when it is worse', async () => {
      const { stages, asked } = overtaken({ auc: 0.9 });
      await run(stages, testPipeline(), async (handle) => {
        const { status, reason } = await handle.result();
        expect(status).toBe('rejected');
        expect(reason).toMatch(/auc 0\.8 < 0\.9 \(champion version 3 0\.9\)/);
        expect(asked).toEqual([null]);
      });
    });

    it('asks whatever serves where no gate compares with the champion', async () => {
      const { stages, asked } = overtaken({ auc: 0.9 });
      await run(stages, testPipeline({ gates: [{ metric: 'auc', min: 0.6 }] }), (handle) => handle.result().catch(() => undefined));
      expect(asked[0]).toBeUndefined();
    });
  });

  it('goes through every stage and ends promoted', async () => {
    const stages = new FakeStages();
    await run(stages, testPipeline(), async (handle) => {
      const result = await handle.result();
      expect(result).toMatchObject({
        status: 'promoted',
        model: 'toy',
        version: '4',
        metrics: { test: { auc: 0.8 }, baseline: { auc: 0.5 } },
        modelDigest: 'ab',
        trained: { seed: expect.any(Number), parametersDigest: '00' },
      });
      const status = await handle.query(statusQuery);
      expect(status.stages.filter(({ state }) => state !== 'done')).toEqual([
        { name: 'cross-validate', state: 'skipped', summary: 'the pipeline has none' },
      ]);
      const sweep = status.stages[3];
      expect(sweep.endedAtMs! - sweep.startedAtMs!).toBeGreaterThan(100);
      expect(status.stages[1].summary).toBe('990 rows pass, 10 quarantined (x below 0)');
      const order = [
        'ingestSource',
        'validateDataset',
        'prepareDataset',
        'exportModel',
        'evaluateModel',
        'registerModelVersion',
        'promoteVersion',
      ];
      expect(stages.calls.filter((call) => order.includes(call))).toEqual(order);
      expect(stages.closed).toEqual([{ outcome: 'promoted', reason: undefined }]);
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(searchAttributes.stage)).toBe('promoted');
      expect(typedSearchAttributes.get(searchAttributes.modelVersion)).toBe('toy/4');
      expect(typedSearchAttributes.get(searchAttributes.metric)).toBe(0.8);
    });
  });

  it('warns of what the hosts lack to serve a promoted version as its pipeline wants', async () => {
    await run(new FakeStages({ onPromote: () => ['no fallback model'] }), testPipeline(), async (handle) => {
      const { status, warnings } = await handle.result();
      expect(status).toBe('promoted');
      expect(warnings).toContain('no fallback model');
    });
  });

  it('asks for the engines that a pipeline names before it reads anything, and for none where it names none', async () => {
    const engine = { ...testPipeline().training, engine: 'tfjs-cpu' } as const;
    const sweep: PipelineInput['sweep'] = {
      trials: 1,
      rungs: [10],
      space: { 'training.engine': { kind: 'choice', values: ['auto', 'tfjs-wasm'] } },
    };
    const refusing = new FakeStages({
      onActivity: (name) => {
        if (name.startsWith('checkEngines')) throw permanent('no such engine');
      },
    });
    await run(refusing, testPipeline({ training: engine, sweep }), async (handle) => {
      await expect(handle.result()).rejects.toMatchObject({ cause: { cause: { message: 'no such engine' } } });
      expect(refusing.calls).toEqual(['checkEngines tfjs-wasm tfjs-cpu']);
      expect(await handle.query(statusQuery)).toMatchObject({ state: 'failed', reason: 'no such engine' });
    });
    const stages = new FakeStages();
    await run(stages, testPipeline(), async (handle) => {
      await handle.result();
      expect(stages.calls.filter((call) => call.startsWith('checkEngines'))).toEqual([]);
    });
  });

  it('sweeps by successive halving, and trains the best configuration', async () => {
    const stages = new FakeStages();
    await run(stages, testPipeline(), async (handle) => {
      await handle.result();
      const trials = stages.trained.filter(({ untilStep }) => untilStep !== undefined);
      expect(trials.filter(({ untilStep }) => untilStep === 10)).toHaveLength(8);
      expect(trials.filter(({ untilStep }) => untilStep === 30)).toHaveLength(2);
      expect(trials.filter(({ untilStep }) => untilStep === 30).every(({ resumeFrom }) => resumeFrom !== undefined)).toBe(true);
      const best = Math.max(...trials.map(({ training }) => training.learningRate));
      const final = stages.trained.filter(({ untilStep }) => untilStep === undefined);
      expect(final).toHaveLength(1);
      expect(final[0].training.learningRate).toBe(best);
      expect(final[0].page).toEqual({ pipeline: 'toy', workflowId: handle.workflowId });
      for (const { key, page } of trials)
        expect(page).toEqual({
          experimentId: '1',
          runId: 'r',
          nested: { kind: 'trial', number: Number(/trial-(\d+)$/.exec(key)![1]), workflowId: key },
        });
      expect(stages.calls.filter((call) => call.startsWith('logTrial')).sort()).toEqual([
        ...Array.from({ length: 2 }, () => 'logTrial completed'),
        ...Array.from({ length: 6 }, () => 'logTrial pruned'),
      ]);
      const { sweepWorkflowId } = await handle.query(statusQuery);
      const sweep = await environment.client.workflow.getHandle(sweepWorkflowId!).query(sweepStatusQuery);
      expect(sweep.trials.map(({ state }) => state).sort()).toEqual([
        'completed',
        'completed',
        ...Array.from({ length: 6 }, () => 'pruned'),
      ]);
    });
  });

  it('keeps the model of the trial where the long training did worse on the same validation rows', async () => {
    const validation: FakeBehaviour['validation'] = ({ untilStep, training }) => ({
      auc: untilStep === undefined ? 0.4 : 0.5 + training.learningRate,
    });
    const stages = new FakeStages({ validation });
    await run(stages, testPipeline(), async (handle) => {
      await handle.result();
      expect(stages.registered[0].training).toMatchObject({ step: 30, validation: { auc: expect.any(Number) } });
      expect(stages.registered[0].training.validation.auc).toBeGreaterThan(0.5);
      expect(stages.registered[0].curve).toEqual([{ step: 1, metrics: { loss: 0.7 } }]);
      const { stages: told } = await handle.query(statusQuery);
      expect(told.find(({ name }) => name === 'train')!.summary).toMatch(
        /^auc 0\.4000 .*; trial \d did better with 30 steps \(auc 0\.5.*its model is kept$/,
      );
    });
    const few = new FakeStages({ validation });
    const { sweep, ...others } = testPipeline();
    await run(few, { ...others, sweep: { ...sweep!, validationRows: 139 } }, async (handle) => {
      await handle.result();
      expect(few.registered[0].training).toMatchObject({ step: 100, validation: { auc: 0.4 } });
      expect(few.registered[0]).not.toHaveProperty('curve');
    });
  });

  it('never runs more trials at a time than the sweep allows', async () => {
    let now = 0;
    let most = 0;
    const stages = new FakeStages({
      onTrain: async () => {
        most = Math.max(most, ++now);
        // The first ones wait for each other, however slowly they start.
        while (most < 3) await sleep(10);
        await sleep(200);
        now--;
      },
    });
    await run(stages, testPipeline(), (handle) => handle.result());
    expect(most).toBe(3);
  });

  it('goes on without the trials that fail', async () => {
    const stages = new FakeStages({
      onTrain: ({ key }) => {
        if (/trial-[0-5]$/.test(key)) throw permanent('the loss is not a number');
      },
    });
    await run(stages, testPipeline(), async (handle) => {
      expect((await handle.result()).status).toBe('promoted');
      const { sweepWorkflowId } = await handle.query(statusQuery);
      const { trials } = await environment.client.workflow.getHandle(sweepWorkflowId!).query(sweepStatusQuery);
      expect(trials.filter(({ state }) => state === 'failed')).toHaveLength(6);
      expect(trials[0].failure).toBe('the loss is not a number');
    });
  });

  it('goes on without a trial that somebody terminates', async () => {
    const stages = new FakeStages({
      onTrain: async ({ key }) => {
        if (!key.endsWith('trial-0')) return;
        await environment.client.workflow.getHandle(key).terminate('by hand');
      },
    });
    await run(stages, testPipeline(), async (handle) => {
      expect((await handle.result()).status).toBe('promoted');
      const { sweepWorkflowId } = await handle.query(statusQuery);
      const { trials } = await environment.client.workflow.getHandle(sweepWorkflowId!).query(sweepStatusQuery);
      expect(trials.map(({ state }) => state).filter((state) => state === 'failed')).toHaveLength(1);
      expect(trials[0]).toMatchObject({ state: 'failed', failure: expect.stringContaining('terminated') });
    });
  });

  it('fails with a reason when every trial fails', async () => {
    const stages = new FakeStages({
      onTrain: () => {
        throw permanent('the loss is not a number');
      },
    });
    await run(stages, testPipeline(), async (handle) => {
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      const status = await handle.query(statusQuery);
      expect(status.state).toBe('failed');
      expect(status.reason).toContain('None of the 8 trials');
      expect(status.reason).toContain('the loss is not a number');
    });
  });

  it('stops a sweep at the first failure of the model file, unless what the file is given is searched', async () => {
    const failing = () =>
      new FakeStages({
        onTrain: () => {
          throw ApplicationFailure.create({
            type: 'InvalidModel',
            nonRetryable: true,
            message: 'The file threw. Correct it.',
            details: [{ module: './net.ts' }],
          });
        },
      });
    const stages = failing();
    await run(stages, testPipeline(), async (handle) => {
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect((await handle.query(statusQuery)).reason).toMatch(
        /stopped at its first failure, .* 8 trials would meet: The file threw\. Correct it\.$/,
      );
      expect(stages.trained.length).toBeLessThan(8);
    });
    const searched = failing();
    const sweep = testPipeline().sweep!;
    const space = { 'model.hidden': { kind: 'choice' as const, values: [[4], [8]] } };
    await run(searched, testPipeline({ model: { family: 'mlp' }, sweep: { ...sweep, space } }), async (handle) => {
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect((await handle.query(statusQuery)).reason).toContain('All failed alike: The file threw. Correct it.');
      expect(searched.trained).toHaveLength(8);
    });
  });

  it('skips the sweep of a pipeline that has none', async () => {
    const stages = new FakeStages();
    await run(stages, testPipeline({ sweep: undefined }), async (handle) => {
      expect((await handle.result()).status).toBe('promoted');
      expect((await handle.query(statusQuery)).stages[3].state).toBe('skipped');
      expect(stages.trained).toHaveLength(1);
    });
  });

  it('rejects a model that misses a gate, and promotes nothing', async () => {
    const stages = new FakeStages({ test: { auc: 0.55 } });
    await run(stages, testPipeline(), async (handle) => {
      const result = await handle.result();
      expect(result.status).toBe('rejected');
      expect(result.reason).toContain('0.55');
      expect(stages.calls).not.toContain('promoteVersion');
      expect(stages.closed.map(({ outcome }) => outcome)).toEqual(['rejected']);
      expect((await handle.query(statusQuery)).stages.at(-1)).toMatchObject({ name: 'promote', state: 'failed', summary: 'gates not met' });
    });
  });

  it('compares with the champion of the day', async () => {
    const stages = new FakeStages({ test: { auc: 0.7 }, championTest: { auc: 0.75 } });
    await run(stages, testPipeline(), async (handle) => {
      const result = await handle.result();
      expect(result.status).toBe('rejected');
      expect((await handle.query(statusQuery)).champion).toEqual({ version: '3', metrics: { auc: 0.75 } });
    });
  });

  it('replaces no champion that it could not measure, where a gate asks for one', async () => {
    const stages = new FakeStages({ test: { auc: 0.9 }, championTest: {}, championSkipped: 'Version 3 was not compared: it is lost.' });
    await run(stages, testPipeline(), async (handle) => {
      const result = await handle.result();
      expect(result.status).toBe('rejected');
      expect(result.reason).toContain('auc 0.9 could not be held against the champion (Version 3 was not compared: it is lost)');
      expect(result.reason).toContain('anneal promote toy 4');
      expect(stages.calls).not.toContain('promoteVersion');
    });
  });

  it('fails with the message of the stage that failed, and closes its page in MLflow', async () => {
    const stages = new FakeStages({
      onActivity: (name) => {
        if (name === 'validateDataset') throw permanent('column "x": expected float, found VARCHAR');
      },
    });
    await run(stages, testPipeline(), async (handle) => {
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      const status = await handle.query(statusQuery);
      expect(status).toMatchObject({ state: 'failed', reason: 'column "x": expected float, found VARCHAR' });
      expect(status.stages.map(({ state }) => state).slice(0, 3)).toEqual(['done', 'failed', 'pending']);
      expect(stages.closed).toEqual([{ outcome: 'failed', reason: 'column "x": expected float, found VARCHAR' }]);
    });
  });

  it('waits for approval, takes it once, and promotes', async () => {
    const stages = new FakeStages();
    await run(stages, testPipeline({ promotion: { approval: 'manual' } }), async (handle) => {
      await expect(handle.executeUpdate(approveUpdate, { args: [{ reason: 'too early' }] })).rejects.toBeInstanceOf(
        WorkflowUpdateFailedError,
      );
      await until(handle, ({ state }) => state === 'awaiting-approval');
      expect(stages.calls).not.toContain('promoteVersion');
      await expect(handle.executeUpdate(approveUpdate, { args: [{ reason: ' ' }] })).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
      await handle.executeUpdate(approveUpdate, { args: [{ reason: 'looks good' }] });
      expect((await handle.result()).status).toBe('promoted');
    });
  });

  it('ends rejected with the reason that was given', async () => {
    const stages = new FakeStages();
    await run(stages, testPipeline({ promotion: { approval: 'manual' } }), async (handle) => {
      await until(handle, ({ state }) => state === 'awaiting-approval');
      await handle.executeUpdate(rejectUpdate, { args: [{ reason: 'wrong season' }] });
      expect(await handle.result()).toMatchObject({ status: 'rejected', reason: 'Rejected: wrong season' });
      expect(stages.calls).not.toContain('promoteVersion');
    });
  });

  it('can be cancelled, and says so in MLflow', async () => {
    const stages = new FakeStages();
    await run(stages, testPipeline({ promotion: { approval: 'manual' } }), async (handle) => {
      await until(handle, ({ state }) => state === 'awaiting-approval');
      await handle.cancel();
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect((await handle.query(statusQuery)).state).toBe('cancelled');
      expect(stages.closed.map(({ outcome }) => outcome)).toEqual(['cancelled']);
    });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { WorkflowUpdateFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { HostActivities } from '../contracts/activities.js';
import { failureTypes } from '../contracts/failures.js';
import { modelWorkflowId } from '../contracts/ids.js';
import {
  type PromoteInput,
  promoteUpdate,
  rollbackUpdate,
  servingMemoKey,
  servingStateQuery,
  waitForVersionUpdate,
  type ServedVersion,
  type WaitForVersionInput,
} from '../contracts/serving.js';
import { hostTaskQueue, taskQueues } from '../contracts/task-queues.js';
import { createWorkflowEnvironment, withWorkers, type TestActivities } from '../testing/workflow-environment.js';
import type { modelLifecycle } from './model-lifecycle.js';

const ref = { uri: 'artifact:sha256/00', sha256: '00', sizeBytes: 1 };
const version = (number: string): ServedVersion => ({ version: number, bundle: { model: ref, manifest: ref, golden: ref } });
const promotion = (number: string, minHosts = 1) => ({ version: version(number), reason: 'test', minHosts, hostWaitSeconds: 5 });

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof modelLifecycle>;

/** What a host was told, in order, and an answer that a test can change. */
class RecordedHost implements HostActivities {
  readonly calls: string[] = [];
  refuses = new Set<string>();

  /** @param activatesAtOnce as hosts of today; those of before only load */
  constructor(
    readonly hostId: string,
    private readonly activatesAtOnce = false,
  ) {}

  // Activities are called without their object.
  readonly loadVersion: HostActivities['loadVersion'] = async (input) => {
    this.calls.push(`load ${input.version.version}`);
    if (this.refuses.has(input.version.version))
      throw ApplicationFailure.create({ type: failureTypes.loadFailed, nonRetryable: true, message: 'golden outputs differ' });
    const activated = this.activatesAtOnce && input.activate === true;
    if (activated) this.calls.push(`activate ${input.version.version} at once`);
    return { hostId: this.hostId, loadMs: 1, goldenDifference: 0, activated };
  };
  readonly activateVersion: HostActivities['activateVersion'] = async (input) => {
    this.calls.push(`activate ${input.version}`);
    return { hostId: this.hostId, epoch: input.epoch };
  };

  lease(knownEpoch: number, timeoutSeconds = 1): WaitForVersionInput {
    return { hostId: this.hostId, taskQueue: hostTaskQueue(this.hostId), url: 'http://127.0.0.1:1', knownEpoch, timeoutSeconds };
  }
}

describe('modelLifecycle', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
  });
  afterAll(async () => {
    await environment?.teardown();
  });

  let model = 0;
  async function withLifecycle(
    hosts: RecordedHost[],
    work: (handle: Handle, aliases: string[]) => Promise<void>,
    registryIsAway: () => boolean = () => false,
  ): Promise<void> {
    const aliases: string[] = [];
    const activities: TestActivities = {
      orchestration: {
        setModelAlias: async (input: { alias: string; version: string }) => {
          if (registryIsAway()) throw new Error('MLflow does not answer');
          aliases.push(`${input.alias}=${input.version}`);
        },
        resolveModelVersion: async (input: { version: string }) => version(input.version),
      },
      data: { unused: async () => undefined },
      training: { unused: async () => undefined },
      hosts: Object.fromEntries(hosts.map((host) => [host.hostId, host])),
    };
    const name = `m${model++}`;
    await withWorkers(environment, activities, async () => {
      const handle = await environment.client.workflow.start<typeof modelLifecycle>('modelLifecycle', {
        workflowId: modelWorkflowId(name),
        taskQueue: taskQueues.orchestration,
        args: [{ model: name }],
      });
      try {
        await work(handle, aliases);
      } finally {
        await handle.terminate();
      }
    });
  }

  async function refusal(promise: Promise<unknown>): Promise<string> {
    const error = await promise.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
    return String((error as WorkflowUpdateFailedError).cause?.message);
  }

  it('loads on every host before any of them serves, then moves the alias', async () => {
    const hosts = [new RecordedHost('a1'), new RecordedHost('a2')];
    await withLifecycle(hosts, async (handle, aliases) => {
      await Promise.all(hosts.map((host) => handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] })));
      const result = await handle.executeUpdate(promoteUpdate, { args: [promotion('1', 2)] });
      expect(result).toMatchObject({ version: '1', epoch: 1, acknowledged: ['a1', 'a2'], unreachable: [] });
      expect(hosts.map(({ calls }) => calls)).toEqual([
        ['load 1', 'activate 1'],
        ['load 1', 'activate 1'],
      ]);
      expect(aliases).toEqual(['champion=1']);
      const { memo } = await handle.describe();
      expect(memo?.[servingMemoKey]).toMatchObject({ epoch: 1, champion: { version: '1' } });
    });
  });

  it('has the only host load and serve in one go, where it can, and two of them one after the other', async () => {
    const [only, other] = [new RecordedHost('o1', true), new RecordedHost('o2', true)];
    await withLifecycle([only, other], async (handle) => {
      await handle.executeUpdate(waitForVersionUpdate, { args: [only.lease(0)] });
      const result = await handle.executeUpdate(promoteUpdate, { args: [promotion('1')] });
      expect(result).toMatchObject({ version: '1', acknowledged: ['o1'], unreachable: [] });
      only.refuses.add('2');
      expect(await refusal(handle.executeUpdate(promoteUpdate, { args: [promotion('2')] }))).toContain('golden outputs differ');
      await handle.executeUpdate(waitForVersionUpdate, { args: [other.lease(0)] });
      await handle.executeUpdate(promoteUpdate, { args: [promotion('3', 2)] });
      expect(only.calls).toEqual(['load 1', 'activate 1 at once', 'load 2', 'load 3', 'activate 3']);
      expect(other.calls).toEqual(['load 3', 'activate 3']);
    });
  });

  it('refuses a version of an older run where it is told to, and promotes it for somebody who asks', async () => {
    const host = new RecordedHost('f1');
    const of = (number: string, runStartedAtMs: number) => ({
      ...promotion(number),
      version: { ...version(number), runStartedAtMs, pipelineRun: `run-${number}` },
    });
    await withLifecycle([host], async (handle) => {
      await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] });
      await handle.executeUpdate(promoteUpdate, { args: [{ ...of('2', 2000), unlessSuperseded: true }] });
      const older = handle.executeUpdate(promoteUpdate, { args: [{ ...of('1', 1000), unlessSuperseded: true }] });
      expect(await refusal(older)).toMatch(
        /Version 1 was not promoted, since version 2 serves.*run run-2, that started later.*anneal promote/,
      );
      expect((await handle.query(servingStateQuery)).champion?.version).toBe('2');
      await handle.executeUpdate(promoteUpdate, { args: [of('1', 1000)] });
      expect((await handle.query(servingStateQuery)).champion?.version).toBe('1');
    });
  });

  it('refuses a version that was compared with another one than serves, and promotes it when it was compared with that', async () => {
    const host = new RecordedHost('g1');
    const compared = (number: string, ifChampion: string | null) => ({ args: [{ ...promotion(number), ifChampion }] as [PromoteInput] });
    await withLifecycle([host], async (handle) => {
      await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] });
      expect(await handle.executeUpdate(promoteUpdate, compared('1', null))).toMatchObject({ version: '1' });
      const message = await refusal(handle.executeUpdate(promoteUpdate, compared('2', null)));
      expect(message).toMatch(/Version 2 was not promoted: it was compared with no version as champion, and version 1 serves now/);
      // Two at once: the turn of one comes when the other one serves.
      const both = await Promise.allSettled(['2', '3'].map((number) => handle.executeUpdate(promoteUpdate, compared(number, '1'))));
      const promoted = both.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.version] : []));
      expect(promoted).toHaveLength(1);
      // Asked for once more, as by an activity that did not hear the answer.
      expect(await handle.executeUpdate(promoteUpdate, compared(promoted[0], '1'))).toMatchObject({ version: promoted[0] });
    });
  });

  it('keeps the old version everywhere when one host refuses the new one', async () => {
    const hosts = [new RecordedHost('b1'), new RecordedHost('b2')];
    hosts[1].refuses.add('2');
    await withLifecycle(hosts, async (handle, aliases) => {
      await Promise.all(hosts.map((host) => handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] })));
      await handle.executeUpdate(promoteUpdate, { args: [promotion('1', 2)] });
      const message = await refusal(handle.executeUpdate(promoteUpdate, { args: [promotion('2', 2)] }));
      expect(message).toContain('b2: golden outputs differ');
      expect(hosts[0].calls).toEqual(['load 1', 'activate 1', 'load 2']);
      expect((await handle.query(servingStateQuery)).champion?.version).toBe('1');
      expect(aliases).toEqual(['champion=1']);
    });
  });

  it('wakes a waiting host as soon as there is a newer version', async () => {
    const host = new RecordedHost('c1');
    await withLifecycle([host], async (handle) => {
      await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] });
      const waiting = handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0, 20)] });
      const started = Date.now();
      await handle.executeUpdate(promoteUpdate, { args: [promotion('7')] });
      expect(await waiting).toMatchObject({ epoch: 1, champion: { version: '7' } });
      expect(Date.now() - started).toBeLessThan(10_000);
    });
  });

  it('rolls back to the previous champion, and refuses when there is none', async () => {
    const host = new RecordedHost('d1');
    await withLifecycle([host], async (handle, aliases) => {
      await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] });
      await handle.executeUpdate(promoteUpdate, { args: [promotion('1')] });
      expect(await refusal(handle.executeUpdate(rollbackUpdate, { args: [{ reason: 'test', hostWaitSeconds: 1 }] }))).toContain(
        'no previous champion',
      );
      await handle.executeUpdate(promoteUpdate, { args: [{ ...promotion('2'), version: '2' }] });
      const result = await handle.executeUpdate(rollbackUpdate, { args: [{ reason: 'worse', hostWaitSeconds: 1 }] });
      expect(result).toMatchObject({ version: '1', epoch: 3 });
      expect(aliases).toEqual(['champion=1', 'champion=2', 'champion=1']);
      const state = await handle.query(servingStateQuery);
      expect([state.champion?.version, state.previous?.version]).toEqual(['1', '2']);
      expect(state.history.map(({ action }) => action)).toEqual(['promote', 'promote', 'rollback']);
    });
  });

  it('rolls back while the registry is away, and lets the alias follow when it is back', async () => {
    const host = new RecordedHost('h1');
    let away = false;
    await withLifecycle(
      [host],
      async (handle, aliases) => {
        await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] });
        for (const number of ['1', '2']) await handle.executeUpdate(promoteUpdate, { args: [promotion(number)] });
        away = true;
        const result = await handle.executeUpdate(rollbackUpdate, { args: [{ reason: 'worse', hostWaitSeconds: 1 }] });
        expect(result).toMatchObject({ version: '1', acknowledged: ['h1'] });
        expect(aliases).toEqual(['champion=1', 'champion=2']);
        away = false;
        for (const until = Date.now() + 30_000; aliases.length < 3 && Date.now() < until;)
          await new Promise((resolve) => setTimeout(resolve, 100));
        expect(aliases).toEqual(['champion=1', 'champion=2', 'champion=1']);
      },
      () => away,
    );
  });

  it('fails, and says what to do, when fewer hosts answer than are wanted', async () => {
    await withLifecycle([], async (handle) => {
      const message = await refusal(handle.executeUpdate(promoteUpdate, { args: [{ ...promotion('1'), hostWaitSeconds: 1 }] }));
      expect(message).toContain('0 of at least 1');
      expect(message).toContain('anneal promote');
      expect((await handle.query(servingStateQuery)).champion).toBeUndefined();
    });
  });

  it('leaves a host out that does not answer, and goes on with the others', async () => {
    const present = new RecordedHost('e1');
    const absent = new RecordedHost('e2');
    await withLifecycle([present], async (handle) => {
      await Promise.all([present, absent].map((host) => handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] })));
      const result = await handle.executeUpdate(promoteUpdate, { args: [promotion('1')] });
      expect(result).toMatchObject({ acknowledged: ['e1'], unreachable: ['e2'] });
    });
  });

  it('makes two promotions one after the other', async () => {
    const host = new RecordedHost('f1');
    await withLifecycle([host], async (handle) => {
      await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] });
      const results = await Promise.all(['1', '2'].map((number) => handle.executeUpdate(promoteUpdate, { args: [promotion(number)] })));
      expect(new Set(results.map(({ epoch }) => epoch))).toEqual(new Set([1, 2]));
      const [first, second] = [...results].sort((a, b) => a.epoch - b.epoch).map((result) => result.version);
      expect(host.calls).toEqual([`load ${first}`, `activate ${first}`, `load ${second}`, `activate ${second}`]);
    });
  });
});

describe('modelLifecycle over a long time', () => {
  it('continues as new with all it knows, while hosts wait', async () => {
    const environment = await createWorkflowEnvironment({ 'limit.historyCount.suggestContinueAsNew': '40' });
    try {
      const host = new RecordedHost('g1');
      const activities: TestActivities = {
        orchestration: { setModelAlias: async () => undefined },
        data: { unused: async () => undefined },
        training: { unused: async () => undefined },
        hosts: { g1: host },
      };
      await withWorkers(environment, activities, async () => {
        const { runId } = await environment.client.workflow
          .start<typeof modelLifecycle>('modelLifecycle', {
            workflowId: modelWorkflowId('long'),
            taskQueue: taskQueues.orchestration,
            args: [{ model: 'long' }],
          })
          .then((handle) => handle.describe());
        const handle = environment.client.workflow.getHandle<typeof modelLifecycle>(modelWorkflowId('long'));
        await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(0)] });
        await handle.executeUpdate(promoteUpdate, { args: [promotion('1')] });
        await handle.executeUpdate(promoteUpdate, { args: [promotion('2')] });
        let current = runId;
        for (let attempt = 0; attempt < 40 && current === runId; attempt++) {
          await handle.executeUpdate(waitForVersionUpdate, { args: [host.lease(1)] }).catch(() => undefined);
          current = (await handle.describe()).runId;
        }
        expect(current).not.toBe(runId);
        const state = await handle.query(servingStateQuery);
        expect(state).toMatchObject({ epoch: 2, champion: { version: '2' }, previous: { version: '1' } });
        expect(state.hosts.map(({ hostId }) => hostId)).toEqual(['g1']);
        expect((await handle.executeUpdate(promoteUpdate, { args: [promotion('3')] })).epoch).toBe(3);
      });
    } finally {
      await environment.teardown();
    }
  });
});

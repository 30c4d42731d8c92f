import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ActivityExecutionFailedError, WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { InferenceActivities } from '../contracts/activities.js';
import { modelWorkflowId } from '../contracts/ids.js';
import { type PredictionLogIndex, predictionLogPointer } from '../contracts/prediction-log.js';
import {
  promoteUpdate,
  rollbackUpdate,
  servingStateQuery,
  type PredictInput,
  type PredictResult,
  type ServedVersion,
} from '../contracts/serving.js';
import { taskQueues } from '../contracts/task-queues.js';
import { tinyGolden, tinyGraph, tinyManifest } from '../serving/testing/tiny-bundle.js';
import { compiledFlags, compiledModule } from '../ml/child/compiled-module.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { underLoad } from '../testing/under-load.js';
import { createWorkflowEnvironment, testWorkflowBundle } from '../testing/workflow-environment.js';
import type { predicting } from '../testing/predicting-workflow.js';
import type { modelLifecycle } from '../workflows/model-lifecycle.js';
import { isAlive } from '../ml/is-alive.js';

const model = 'tiny';
const instances = [{ origin: 'SFO', date: '2001-06-15T17:30:00', distance: 300 }];

/** One story on one host: each test goes on where the one before it ended. */
describe('an inference host', () => {
  const home = mkdtempSync(join(tmpdir(), 'anneal-inference-'));
  const store = new FileArtifactStore(join(home, 'artifacts'));
  const hosts: ChildProcess[] = [];
  let environment: TestWorkflowEnvironment;
  let worker: Worker;
  let working: Promise<void>;
  let lifecycle: WorkflowHandle<typeof modelLifecycle>;
  let host: { child: ChildProcess; url: string };

  beforeAll(async () => {
    environment = await createWorkflowEnvironment();
    worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue: taskQueues.orchestration,
      workflowBundle: await testWorkflowBundle(),
      activities: { setModelAlias: async () => undefined },
      shutdownForceTime: '2 seconds',
    });
    working = worker.run();
    lifecycle = await environment.client.workflow.start<typeof modelLifecycle>('modelLifecycle', {
      workflowId: modelWorkflowId(model),
      taskQueue: taskQueues.orchestration,
      args: [{ model }],
    });
    host = await startHost();
  });
  afterAll(async () => {
    for (const child of hosts) child.kill('SIGKILL');
    await stopTemporal();
    rmSync(home, { recursive: true, force: true });
  });

  let isTemporalStopped = false;
  async function stopTemporal(): Promise<void> {
    if (isTemporalStopped) return;
    isTemporalStopped = true;
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await working;
    await environment.teardown();
  }

  async function startHost(hostId = 'h1') {
    const child = fork(compiledModule(new URL('./inference.ts', import.meta.url)), [], {
      execArgv: [...compiledFlags],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        ANNEAL_HOME: home,
        ANNEAL_HTTP_PORT: '0',
        ANNEAL_GRPC_PORT: '0',
        ANNEAL_HOST_ID: hostId,
        ANNEAL_PREDICTION_LOG: '1',
        TEMPORAL_ADDRESS: environment.address,
      },
    });
    hosts.push(child);
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the host ended with code ${String(code)}`)));
    ended.catch(() => undefined);
    const [{ url }] = (await Promise.race([once(child, 'message'), ended])) as [{ url: string }];
    return { child, url };
  }

  async function storeVersion(version: string, bias: number, goldenError = 0): Promise<ServedVersion> {
    const [graph, manifest, golden] = await Promise.all([
      store.putBytes(tinyGraph({ bias })),
      store.putJson(tinyManifest),
      store.putJson(tinyGolden({ bias, goldenError })),
    ]);
    return { version, bundle: { model: graph, manifest, golden } };
  }

  const promote = async (version: ServedVersion) =>
    lifecycle.executeUpdate(promoteUpdate, { args: [{ version, reason: 'test', minHosts: 1, hostWaitSeconds: 20 }] });

  async function served(): Promise<string | undefined> {
    const response = await fetch(`${host.url}/v1/models/${model}:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances }),
    }).catch(() => undefined);
    return response?.status === 200 ? ((await response.json()) as PredictResult).version : undefined;
  }

  async function until(wanted: string, timeoutMs = 60_000): Promise<number> {
    const startedAt = performance.now();
    while ((await served()) !== wanted) {
      if (performance.now() - startedAt > timeoutMs) throw new Error(`version ${wanted} did not answer within ${timeoutMs} ms`);
      await sleep(20);
    }
    return performance.now() - startedAt;
  }

  /** The serving process is the supervisor's child that runs `serving/process.ts`. */
  function servingPid(): number {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' }).split('\n');
    const found = lines
      .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
      .find((match) => Number(match?.[2]) === host.child.pid && match?.[3].includes('serving/process.js'));
    return Number(found?.[1]);
  }

  it('answers, but is not ready, before anything was promoted', async () => {
    expect((await fetch(`${host.url}/v2/health/live`)).status).toBe(200);
    expect((await fetch(`${host.url}/v2/health/ready`)).status).toBe(503);
  });

  it('takes a promotion up and acknowledges it', async () => {
    const result = await promote(await storeVersion('1', 1));
    expect(result).toMatchObject({ version: '1', epoch: 1, acknowledged: ['h1'], unreachable: [] });
    expect(await served()).toBe('1');
    expect((await fetch(`${host.url}/v2/health/ready`)).status).toBe(200);
    const { hosts: leases } = await lifecycle.query(servingStateQuery);
    expect(leases).toMatchObject([{ hostId: 'h1', url: host.url }]);
  });

  it('fails no request while promotions go by under load', async () => {
    const answers = await underLoad(16, served, async () => {
      for (const number of ['2', '3', '4']) await promote(await storeVersion(number, Number(number)));
    });
    expect(answers.filter((version) => version === undefined)).toEqual([]);
    expect(new Set(answers)).toEqual(new Set(['1', '2', '3', '4']));
  });

  it('refuses a version that does not reproduce its golden outputs, and serves on', async () => {
    const error = await promote(await storeVersion('5', 5, 0.5)).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
    expect(String((error as Error).cause)).toContain('golden row 0');
    expect(await served()).toBe('4');
  });

  it('rolls back', async () => {
    await lifecycle.executeUpdate(rollbackUpdate, { args: [{ reason: 'test', hostWaitSeconds: 5 }] });
    expect(await served()).toBe('3');
  });

  it('predicts by an activity, for callers that have Temporal and no address', async () => {
    const activities = environment.client.activity.typed<InferenceActivities>();
    const options = { taskQueue: taskQueues.inference, startToCloseTimeout: '10 seconds' } as const;
    const result = await activities.execute('predict', { ...options, id: 'p1', args: [{ model, instances }] });
    expect(result).toMatchObject({ model, version: '3', predictions: [{ label: 'late' }] });
    const previous = await activities.execute('predict', { ...options, id: 'p3', args: [{ model, instances, label: 'previous' }] });
    expect(previous).toMatchObject({ model, version: '4' });
    const both = { model, instances, label: 'previous', version: '3' } as unknown as PredictInput;
    await expect(activities.execute('predict', { ...options, id: 'p4', args: [both] })).rejects.toMatchObject({
      cause: { type: 'InvalidRequest', nonRetryable: true },
    });
    const refused = activities.execute('predict', { ...options, id: 'p2', args: [{ model, instances: [{ origin: 1 }] }] });
    const error = await refused.catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ActivityExecutionFailedError);
    expect((error as Error).cause).toMatchObject({ type: 'InvalidRequest', nonRetryable: true });
  });

  it('predicts for a workflow of another team', async () => {
    const taskQueue = 'another-team';
    const workflowsPath = fileURLToPath(new URL('../testing/predicting-workflow.ts', import.meta.url));
    const other = await Worker.create({ connection: environment.nativeConnection, taskQueue, workflowsPath });
    const ask = (workflowId: string, input: PredictInput) =>
      environment.client.workflow.execute<typeof predicting>('predicting', { taskQueue, workflowId, args: [input] });
    await other.runUntil(async () => {
      expect(await ask('w1', { model, instances })).toMatchObject({ version: '3', predictions: [{ label: 'late' }] });
      const error = await ask('w2', { model: 'nothing', instances }).catch((failure: unknown) => failure);
      expect(error).toMatchObject({ cause: { cause: { type: 'UnknownModelVersion' } } });
    });
  });

  it('answers again soon after its serving process was killed', async () => {
    process.kill(servingPid(), 'SIGKILL');
    await sleep(50);
    expect(await until('3')).toBeLessThan(30_000);
  });

  it('takes its version up by itself when it was away during a promotion', async () => {
    host.child.kill('SIGTERM');
    expect(await once(host.child, 'exit')).toEqual([0, null]);
    const version = await storeVersion('6', 6);
    const result = await lifecycle.executeUpdate(promoteUpdate, { args: [{ version, reason: 'test', minHosts: 0, hostWaitSeconds: 1 }] });
    // It gave its lease back, so the rollout does not wait for it.
    expect(result).toMatchObject({ acknowledged: [], unreachable: [] });
    expect((await lifecycle.query(servingStateQuery)).hosts).toEqual([]);
    host = await startHost();
    await until('6');
    // The lease bears the version once the host has written it to its disk, too.
    const leased = async () => (await lifecycle.query(servingStateQuery)).hosts.find(({ hostId }) => hostId === 'h1')?.version;
    while ((await leased()) !== '6') await sleep(50);
  });

  it('has stored what it predicted when it ended, also of the serving process that was killed', async () => {
    const ref = await store.getPointer(predictionLogPointer(model, 'h1'));
    const { parts } = await store.readJson<PredictionLogIndex>(ref!);
    expect(new Set(parts.map(({ version }) => version))).toEqual(new Set(['1', '2', '3', '4']));
    for (const { data } of parts) await store.localPath(data);
  });

  it('goes on answering when its supervisor is killed, and hands over to the next one', async () => {
    const pid = servingPid();
    host.child.kill('SIGKILL');
    await once(host.child, 'exit');
    expect(await until('6')).toBeLessThan(1000);
    host = await startHost();
    await until('6');
    for (let i = 0; i < 400 && isAlive(pid); i++) await sleep(25);
    expect(isAlive(pid)).toBe(false);
    host.child.kill('SIGTERM');
    expect(await once(host.child, 'exit')).toEqual([0, null]);
  });

  it('learns from the memo what to serve when no worker runs the lifecycle', async () => {
    worker.shutdown();
    await working;
    host = await startHost('h2');
    await until('6');
    host.child.kill('SIGTERM');
    expect(await once(host.child, 'exit')).toEqual([0, null]);
  });

  it('serves what it verified last with Temporal and the artifact store away', async () => {
    await stopTemporal();
    rmSync(join(home, 'artifacts'), { recursive: true });
    host = await startHost();
    await until('6');
    process.kill(servingPid(), 'SIGKILL');
    await sleep(50);
    await until('6');
    host.child.kill('SIGTERM');
    expect(await once(host.child, 'exit')).toEqual([0, null]);
  });
});

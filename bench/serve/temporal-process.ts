import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from '@temporalio/worker';
import { modelWorkflowId } from '../../contracts/ids.js';
import { promoteUpdate, type ServedVersion } from '../../contracts/serving.js';
import { taskQueues } from '../../contracts/task-queues.js';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import type { VersionFiles } from '../../serving/loader/prepare-version.js';
import { lowestPriority, lowerProcess } from '../../serving/low-priority.js';
import { FileArtifactStore } from '../../stores/file-artifact-store.js';
import { createWorkflowEnvironment, testWorkflowBundle } from '../../testing/workflow-environment.js';
import type { modelLifecycle } from '../../workflows/model-lifecycle.js';
import { copyModel } from './model-copy.js';
import type { FromTemporalProcess, ToTemporalProcess } from './temporal-messages.js';

/**
 * A Temporal dev server, the worker of the workflows and inference hosts, as they are in production, in a process beside the one
 * that sends and measures requests. What is left out is MLflow, which a promotion does not wait for.
 */

const model = 'flights';
const home = await mkdtemp(join(tmpdir(), 'anneal-bench-temporal-'));
const store = new FileArtifactStore(join(home, 'artifacts'));
const environment = await createWorkflowEnvironment();
const worker = await Worker.create({
  connection: environment.nativeConnection,
  taskQueue: taskQueues.orchestration,
  workflowBundle: await testWorkflowBundle(),
  activities: { setModelAlias: async () => undefined },
  shutdownForceTime: '2 seconds',
});
const working = worker.run();
const lifecycle = await environment.client.workflow.start<typeof modelLifecycle>('modelLifecycle', {
  workflowId: modelWorkflowId(model),
  taskQueue: taskQueues.orchestration,
  args: [{ model }],
});
const hosts: ChildProcess[] = [];
const versions: ServedVersion[] = [];

process.on('message', (message: ToTemporalProcess) => {
  void answer(message)
    .catch((error: unknown): FromTemporalProcess => ({ kind: 'failed', message: String(error) }))
    .then((reply) => process.send?.(reply));
});
process.once('disconnect', () => void end());

async function answer(message: ToTemporalProcess): Promise<FromTemporalProcess> {
  if (message.kind === 'promote') return promote(versions[message.version - 1]);
  await storeVersions(message.files, message.versions);
  const ports: number[] = [];
  for (let i = 0; i < message.hosts; i++) ports.push(await startHost(`h${i + 1}`));
  const pids = await Promise.all(hosts.map((host) => servingPids(host.pid!)));
  // In production these have machines of their own; here they would take the processor from the hosts' threads.
  for (const pid of [process.pid, ...(await temporalServers())]) await runWhenIdle(pid);
  return { kind: 'started', ports, pids: pids.flat() };
}

async function startHost(hostId: string): Promise<number> {
  const child = fork(compiledModule(new URL('../../workers/inference.ts', import.meta.url)), [], {
    execArgv: [...compiledFlags],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      ANNEAL_HOME: home,
      ANNEAL_HTTP_PORT: '0',
      ANNEAL_GRPC_PORT: '0',
      ANNEAL_HOST_ID: hostId,
      TEMPORAL_ADDRESS: environment.address,
    },
  });
  hosts.push(child);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return Number(new URL(url).port);
}

/**
 * Put all threads of a process, and those that they start, behind every other: a core that runs nothing else counts as free for a
 * thread that wakes up, which it does not with one of low priority. Elsewhere than on Linux it has the lowest priority.
 */
async function runWhenIdle(pid: number): Promise<void> {
  if (process.platform === 'linux') await promisify(execFile)('chrt', ['--all-tasks', '--idle', '--pid', '0', String(pid)]);
  else lowerProcess(pid, lowestPriority);
}

function servingPids(host: number): Promise<number[]> {
  return childrenOf(host, 'serving/process.js');
}

async function temporalServers(): Promise<number[]> {
  const starts = await childrenOf(process.pid, 'temporal');
  return starts.filter((pid) => !hosts.some((host) => host.pid === pid));
}

/** Processes that any thread of a process has started, with this text in their command lines. */
async function childrenOf(parent: number, text: string): Promise<number[]> {
  const threads = await readdir(`/proc/${parent}/task`);
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${parent}/task/${thread}/children`, 'utf8')));
  const children = lists.flatMap((list) => list.split(' ').filter(Boolean)).map(Number);
  const commands = await Promise.all(children.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
  return children.filter((_pid, i) => commands[i].includes(text));
}

/** Before anything is measured: elsewhere, other machines do it. */
async function storeVersions(files: VersionFiles, count: number): Promise<void> {
  const [original, ...others] = await Promise.all([files.model, files.manifest, files.golden].map(({ path }) => readFile(path)));
  const [manifest, golden] = await Promise.all(others.map((bytes) => store.putBytes(bytes)));
  for (let i = 1; i <= count; i++) {
    const version = String(i);
    versions.push({ version, bundle: { model: await store.putBytes(copyModel(original, version)), manifest, golden } });
  }
}

/** The time of the update, which returns when every host serves the version. */
async function promote(version: ServedVersion): Promise<FromTemporalProcess> {
  const startedAt = performance.now();
  const { acknowledged } = await lifecycle.executeUpdate(promoteUpdate, {
    args: [{ version, reason: 'bench', minHosts: hosts.length, hostWaitSeconds: 30 }],
  });
  const ms = performance.now() - startedAt;
  return { kind: 'promoted', ms, acknowledged: acknowledged.length };
}

async function end(): Promise<void> {
  for (const host of hosts) host.kill('SIGTERM');
  await Promise.all(hosts.filter((host) => host.exitCode === null).map((host) => once(host, 'exit')));
  worker.shutdown();
  await working;
  await environment.teardown();
  await rm(home, { recursive: true, force: true });
  process.exit(0);
}

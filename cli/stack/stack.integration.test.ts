import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mlflowUri } from '../../testing/servers.js';
import { isAlive } from './process-identity.js';
import { stackCondition, type StackState } from './stack-state.js';
import type { StackStatus } from './status.js';
import { runAnneal } from '../../testing/run-anneal.js';

/** A stack of its own, through the command, with the MLflow server of the test run. */
let home: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'anneal-stack-'));
  env = {
    ...process.env,
    ANNEAL_HOME: home,
    MLFLOW_TRACKING_URI: await mlflowUri(),
    TEMPORAL_ADDRESS: '',
    ANNEAL_TEMPORAL_PORT: String(await unusedPort()),
    ANNEAL_TEMPORAL_UI_PORT: String(await unusedPort()),
    ANNEAL_HTTP_PORT: String(await unusedPort()),
    // Any that is free, which the stack names.
    ANNEAL_GRPC_PORT: '',
  };
});
afterAll(async () => {
  await anneal(['down']);
  rmSync(home, { recursive: true, force: true });
});

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function anneal(args: readonly string[], more: NodeJS.ProcessEnv = {}) {
  return runAnneal(args, { ...env, ...more });
}

function runningState(): StackState {
  const condition = stackCondition(home);
  if (condition.kind !== 'running') throw new Error(`the stack is ${condition.kind}`);
  return condition.state;
}

async function until<T>(read: () => T | undefined | false, what: string, timeoutMs = 60_000): Promise<T> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(100)) {
    const value = read();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error(`waited in vain for ${what}`);
}

// One after the other: each goes on with the stack that the one before it left.
describe('the embedded stack', () => {
  test('comes up detached, with every part ready', async () => {
    const { code, stdout, stderr } = await anneal(['up', '--detach', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const state = JSON.parse(stdout) as StackState;
    expect(state.ready).toBe(true);
    expect(state.services.map(({ name }) => name)).toEqual(['temporal', 'orchestration', 'data', 'training', 'inference']);
    const status = JSON.parse((await anneal(['status', '--json'])).stdout) as StackStatus;
    expect(status.healthy).toBe(true);
    expect(status.endpoints.at(-1)).toEqual({
      name: 'inference gRPC',
      address: state.grpcAddress,
      answers: true,
      ready: false,
      external: false,
    });
    expect(status.executors).toHaveLength(2);
  });

  test('says that it runs already, and succeeds', async () => {
    const { code, stdout } = await anneal(['up']);
    expect(code).toBe(0);
    const { supervisor, grpcAddress } = runningState();
    expect(stdout).toContain(`runs already (process ${supervisor.pid})`);
    expect(stdout).toContain(`(gRPC ${grpcAddress})`);
  });

  test('keeps its ports against a second stack, which says what to set', async () => {
    const { code, stderr } = await anneal(['up', '--detach', '--json'], { ANNEAL_HOME: `${home}/second` });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Port ${env.ANNEAL_TEMPORAL_PORT} is taken .*set ANNEAL_TEMPORAL_PORT to a free port`));
  });

  test('starts a worker again that was killed', async () => {
    const worker = () => runningState().services.find(({ name }) => name === 'training')!;
    const killed = worker();
    process.kill(killed.pid, 'SIGKILL');
    const next = await until(() => worker().restarts === 1 && worker().state === 'ready' && worker(), 'the worker');
    expect(next.pid).not.toBe(killed.pid);
  });

  test('starts again after its supervisor was killed, and leaves no orphan', async () => {
    const before = runningState();
    process.kill(before.supervisor.pid, 'SIGKILL');
    await until(() => stackCondition(home).kind === 'stale', 'the end of the supervisor');
    expect((await anneal(['status'])).code).toBe(1);
    const { code } = await anneal(['up', '--detach']);
    expect(code).toBe(0);
    expect(before.services.filter(isAlive)).toEqual([]);
    expect(runningState().ready).toBe(true);
  });

  test('answers on while it starts again, when the supervisor of its host was killed as well', async () => {
    const before = runningState();
    const live = (): Promise<boolean> => fetch(`${before.httpUrl}/v2/health/live`).then(({ ok }) => ok);
    const host = before.services.find(({ name }) => name === 'inference')!;
    for (const { pid } of [before.supervisor, host]) process.kill(pid, 'SIGKILL');
    await until(() => stackCondition(home).kind === 'stale' && !isAlive(host), 'the end of the supervisors');
    const asked = new AbortController();
    const answers: (boolean | 'none')[] = [];
    const asking = (async () => {
      for (; !asked.signal.aborted; await sleep(50)) answers.push(await live().catch(() => 'none' as const));
    })();
    const { code, stderr } = await anneal(['up', '--detach']);
    asked.abort();
    await asking;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(runningState().grpcAddress).toBe(before.grpcAddress);
    // Of the moment between the old listeners and the new ones.
    expect(answers.filter((answer) => answer !== true).length).toBeLessThanOrEqual(1);
    expect(answers.length).toBeGreaterThan(10);
    expect([before.supervisor, ...before.services].filter(isAlive)).toEqual([]);
  });

  test('stops in order, with nothing left', async () => {
    const before = runningState();
    const { code, stdout } = await anneal(['down']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'The stack is stopped.\n' });
    expect([before.supervisor, ...before.services].filter(isAlive)).toEqual([]);
    expect(existsSync(join(home, 'stack.json'))).toBe(false);
  });
});

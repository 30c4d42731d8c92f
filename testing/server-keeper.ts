import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { searchAttributeTypes } from '../contracts/search-attributes.js';
import { executable } from './servers.js';

/**
 * Keeps the servers of a test run: starts them, prints the environment that `servers.ts` reads as one line of JSON,
 * and ends them when its input closes. The operating system closes it too when jest dies without a word.
 */

const directory = mkdtempSync(join(tmpdir(), 'anneal-test-servers-'));
const running: ChildProcess[] = [];

function start(name: string, args: readonly string[]): { readonly child: ChildProcess; readonly log: string } {
  const log = join(directory, `${name}.log`);
  const output = openSync(log, 'w');
  // A group of its own: a Ctrl-C in the terminal must not reach the servers while tests still talk to them,
  // and MLflow's own children end with it.
  const child = spawn(executable(name), args, {
    cwd: directory,
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' },
  });
  running.push(child);
  return { child, log };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startMlflow(): Promise<string> {
  const port = await freePort();
  const address = ['--host', '127.0.0.1', '--port', String(port), '--workers', '1'];
  start('mlflow', [
    'server',
    ...address,
    '--backend-store-uri',
    `sqlite:///${directory}/mlflow.db`,
    '--artifacts-destination',
    `${directory}/artifacts`,
  ]);
  return `http://127.0.0.1:${port}`;
}

async function startTemporal(): Promise<string> {
  const port = await freePort();
  const attributes = Object.entries(searchAttributeTypes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]);
  const { child, log } = start('temporal', [
    'server',
    'start-dev',
    '--headless',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--db-filename',
    join(directory, 'temporal.db'),
    '--log-level',
    'warn',
    ...attributes,
  ]);
  const address = `127.0.0.1:${port}`;
  const health = ['operator', 'cluster', 'health', '--address', address, '--command-timeout', '1s'];
  for (let attempt = 0; attempt < 150; attempt += 1) {
    if (child.exitCode !== null) break;
    const probe = spawn(executable('temporal'), health, { stdio: 'ignore' });
    const [code] = (await once(probe, 'exit')) as [number | null];
    if (code === 0) return address;
    await sleep(200);
  }
  throw new Error(`Temporal's dev server did not become healthy on ${address}. Its output was:\n${readFileSync(log, 'utf8')}`);
}

/** Buckets are made by the tests, of which each has its own. */
async function startS3(): Promise<string> {
  const port = await freePort();
  start('moto_server', ['-H', '127.0.0.1', '-p', String(port)]);
  return `http://127.0.0.1:${port}`;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGTERM');
  const late = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 5_000);
  await gone;
  clearTimeout(late);
}

async function stopAll(): Promise<void> {
  await Promise.all(running.map(stop));
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.stdin.resume().once('close', () => void stopAll().finally(() => process.exit()));

try {
  const addresses = {
    ANNEAL_TEST_MLFLOW_URI: process.env.ANNEAL_TEST_MLFLOW_URI ?? (await startMlflow()),
    ANNEAL_TEST_TEMPORAL_ADDRESS: process.env.ANNEAL_TEST_TEMPORAL_ADDRESS ?? (await startTemporal()),
    ANNEAL_TEST_S3_ENDPOINT: process.env.ANNEAL_TEST_S3_ENDPOINT ?? (await startS3()),
    ANNEAL_TEST_SERVER_LOGS: directory,
  };
  console.log(JSON.stringify(addresses));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  await stopAll();
  process.exit(1);
}

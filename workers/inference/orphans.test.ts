import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import { isAlive } from '../../ml/is-alive.js';
import { inferenceServiceName } from '../../serving/grpc/grpc-server.js';
import { loadService } from '../../serving/grpc/service-definition.js';
import { prepareVersion } from '../../serving/loader/prepare-version.js';
import type { PreparedVersion } from '../../serving/loader/prepared-version.js';
import { writeTinyVersion } from '../../serving/testing/tiny-bundle.js';
import { orphanFolder } from '../../serving/orphan.js';
import type { PoolSupervisorInput, PoolSupervisorOutput } from './testing/pool-supervisor.js';

const body = JSON.stringify({ instances: [{ origin: 'SFO', date: 0, distance: 1 }] });
const { ServerReady } = loadService('./inference.proto', inferenceServiceName);

describe('serving processes whose supervisor is killed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-orphans-'));
  let prepared: PreparedVersion;
  /** Chosen by the first supervisor of a test. */
  let ports = { port: 0, grpcPort: 0 };
  const supervisors: ChildProcess[] = [];
  const pids: number[] = [];
  beforeAll(async () => {
    prepared = await prepareVersion(writeTinyVersion(directory, { bias: 0 }), directory);
  });
  afterEach(async () => {
    for (const child of supervisors.splice(0)) child.kill('SIGKILL');
    for (const pid of pids.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    ports = { port: 0, grpcPort: 0 };
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  interface Supervisor {
    readonly child: ChildProcess;
    readonly pids: readonly number[];
    readonly error?: string;
  }
  async function start(version: string, orphanMs = 60_000): Promise<Supervisor> {
    const input: PoolSupervisorInput = { directory, ...ports, orphanMs, version, prepared };
    const module = compiledModule(new URL('./testing/pool-supervisor.ts', import.meta.url));
    const child = fork(module, [JSON.stringify(input)], { execArgv: [...compiledFlags] });
    supervisors.push(child);
    const [said] = (await once(child, 'message')) as [PoolSupervisorOutput];
    if ('error' in said) return { child, pids: [], error: said.error };
    ports = { port: said.port, grpcPort: said.grpcPort };
    pids.push(...said.pids);
    // Each process is, whichever is asked.
    for (let inARow = 0; inARow < 20; inARow++) {
      if ((await ask(new Agent(), '/v2/health/ready')).status !== 200) inARow = -1;
    }
    return { child, pids: said.pids };
  }
  /** @returns the processes that answer now */
  async function kill({ child, pids: orphans }: Supervisor): Promise<readonly number[]> {
    child.kill('SIGKILL');
    await once(child, 'exit');
    return orphans;
  }

  function ask(agent: Agent, path = '/v1/models/tiny:predict'): Promise<{ status?: number; text: string }> {
    return new Promise((resolve, reject) => {
      const method = path.endsWith('predict') ? 'POST' : 'GET';
      const headers = { 'content-type': 'application/json' };
      const sent = request({ port: ports.port, path, method, agent, headers, timeout: 10_000 }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
      sent.on('timeout', () => sent.destroy());
      sent.on('error', reject);
      sent.end(method === 'POST' ? body : undefined);
    });
  }
  const versionOf = (text: string): unknown => (JSON.parse(text) as { version?: string }).version;
  const askAnew = async (): Promise<unknown> => versionOf((await ask(new Agent())).text);

  async function untilGone(processes: readonly number[], timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (processes.some(isAlive) && performance.now() < end) await sleep(50);
    expect(processes.filter(isAlive)).toEqual([]);
  }

  function isReadyOverGrpc(): Promise<boolean> {
    const client = new Client(`127.0.0.1:${ports.grpcPort}`, credentials.createInsecure());
    return new Promise<boolean>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = ServerReady;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, response) =>
        error ? reject(error) : resolve((response as { ready: boolean }).ready),
      );
    }).finally(() => client.close());
  }

  it('answer until the next supervisor can, which takes the ports over from them', async () => {
    const orphans = await kill(await start('1'));
    for (let i = 0; i < 20; i++) expect(await askAnew()).toBe('1');
    expect(await isReadyOverGrpc()).toBe(true);
    const ready = await ask(new Agent(), '/v2/health/ready');
    const metrics = await ask(new Agent(), '/metrics');
    expect([ready.status, metrics.status]).toEqual([200, 200]);
    expect(metrics.text).toContain('anneal_requests_total');

    // Kept connections, as clients have them, see nothing of the change.
    let isOver = false;
    const kept = Array.from({ length: 4 }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const versions: unknown[] = [];
      while (!isOver) {
        versions.push(versionOf((await ask(agent)).text));
        await sleep(5);
      }
      agent.destroy();
      return versions;
    });
    const next = await start('2');
    expect(next.error).toBeUndefined();
    expect(await askAnew()).toBe('2');
    await untilGone(orphans, 10_000);
    expect(await isReadyOverGrpc()).toBe(true);
    isOver = true;
    for (const versions of await Promise.all(kept)) {
      expect(versions.join('')).toMatch(/^1+2+$/);
    }
    expect(readdirSync(orphanFolder(directory))).toEqual([]);
  });

  it('end when nobody takes over in time', async () => {
    const orphans = await kill(await start('1', 1000));
    expect(await askAnew()).toBe('1');
    await untilGone(orphans, 10_000);
    await expect(askAnew()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await start('2')).error).toBeUndefined();
    expect(await askAnew()).toBe('2');
  });

  it('end at SIGTERM, which is for their supervisor as long as there is one', async () => {
    const supervisor = await start('1');
    for (const pid of supervisor.pids) process.kill(pid, 'SIGTERM');
    await sleep(200);
    expect(supervisor.pids.every(isAlive)).toBe(true);
    const orphans = await kill(supervisor);
    expect(await askAnew()).toBe('1');
    for (const pid of orphans) process.kill(pid, 'SIGTERM');
    await untilGone(orphans, 10_000);
  });

  it('are not taken over while their supervisor lives: the port is in use', async () => {
    await start('1');
    expect((await start('2')).error).toMatch(/cannot listen on 127\.0\.0\.1:\d+: another process uses that port\..* ANNEAL_HTTP_PORT/);
    expect(await askAnew()).toBe('1');
  });
});

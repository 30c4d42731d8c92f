import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, get, request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { PredictResult } from '../../contracts/serving.js';
import { createInferenceClient } from '../../serving/client/inference-client.js';
import { prepareVersion } from '../../serving/loader/prepare-version.js';
import { tinyGolden, tinyGraph, tinyManifest, writeTinyVersion, writeVersion } from '../../serving/testing/tiny-bundle.js';
import { underLoad } from '../../testing/under-load.js';
import type { ServingMember } from './serving-member.js';
import { ServingPool, type ServingPoolOptions } from './serving-pool.js';
import { isAlive } from '../../ml/is-alive.js';

const logger = pino({ level: 'silent' });
const row = { origin: 'SFO', date: 0, distance: 1 };
const body = JSON.stringify({ instances: [row] });
/** Short, but not so short that a process which a busy machine lets wait is taken for hung. */
const hangTimeoutMs = 3000;

describe('ServingPool', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-pool-'));
  const started: ServingPool[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((pool) => pool.stop()));
    rmSync(directory, { recursive: true, force: true });
  });

  type Restore = (member: Pick<ServingMember, 'request'>) => Promise<void>;
  function create(processes: number, restore: Restore = async () => undefined, others: Partial<ServingPoolOptions> = {}): ServingPool {
    const options = { logger, host: '127.0.0.1', port: 0, grpcPort: 0, processes, expected: () => [], restore };
    const pool = new ServingPool({ ...options, ...others });
    started.push(pool);
    return pool;
  }

  async function restoring(version: string): Promise<Restore> {
    const prepared = await prepareVersion(writeTinyVersion(directory, { bias: 0 }), directory);
    return async (member) => {
      await member.request('stage', { model: 'tiny', version, prepared });
      await member.request('activate', { model: 'tiny', version, epoch: 1 });
    };
  }

  async function until<T>(read: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const value = await read();
      if (value !== undefined) return value;
      if (performance.now() > end) throw new Error(`nothing after ${timeoutMs} ms`);
      await sleep(20);
    }
  }

  /** On a connection of its own each time. */
  function predict(pool: ServingPool): Promise<string | undefined> {
    return new Promise((resolve) => {
      const options = { port: pool.port, path: '/v1/models/tiny:predict', method: 'POST', agent: new Agent() };
      const sent = request({ ...options, headers: { 'content-type': 'application/json' }, timeout: 10_000 }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve(response.statusCode === 200 ? (JSON.parse(text) as PredictResult).version : undefined));
      });
      sent.on('timeout', () => sent.destroy());
      sent.on('error', () => resolve(undefined));
      sent.end(body);
    });
  }
  const served = (pool: ServingPool, version: string) => until(async () => ((await predict(pool)) === version ? version : undefined));
  /** All processes hold the version. */
  const settled = (pool: ServingPool) =>
    until(async () => {
      const states = await pool.broadcast('state', null).catch(() => [[]]);
      return states.every(([model]) => model?.version === '7') ? true : undefined;
    });

  it('fails no new connection while one of its processes is killed and comes back', async () => {
    const pool = create(2, await restoring('7'));
    await pool.start();
    await settled(pool);
    const pids = pool.pids;
    expect(new Set(pids).size).toBe(2);
    // Between two requests: what is under way in the killed process dies with it.
    process.kill(pids[0], 'SIGKILL');
    await until(async () => (isAlive(pids[0]) ? undefined : true));
    let answers = 0;
    await until(async () => {
      expect(await predict(pool)).toBe('7');
      answers++;
      return pool.pids.length === 2 && !pool.pids.includes(pids[0]) && answers > 50 ? true : undefined;
    });
    await settled(pool);
    expect(await predict(pool)).toBe('7');
  });

  it('gives new tokens to the processes that run, and to one that takes the place of another', async () => {
    const entry = (token: string) => ({ name: token, sha256: createHash('sha256').update(token).digest('hex'), models: '*' as const });
    const pool = create(2, undefined, { protection: { access: [entry('old')] } });
    await pool.start();
    /** Of each of several new connections, which reach both processes. */
    const statuses = async (token: string): Promise<Set<number | undefined>> => {
      const ask = () =>
        new Promise<number | undefined>((resolve) => {
          const headers = { authorization: `Bearer ${token}` };
          get({ port: pool.port, path: '/v1/models', headers, agent: new Agent() }, (response) => {
            response.resume().on('end', () => resolve(response.statusCode));
          }).on('error', () => resolve(undefined));
        });
      return new Set(await Promise.all(Array.from({ length: 20 }, ask)));
    };
    expect(await statuses('old')).toEqual(new Set([200]));
    await pool.protect({ access: [entry('new')] });
    expect(await statuses('old')).toEqual(new Set([401]));
    expect(await statuses('new')).toEqual(new Set([200]));
    const pids = pool.pids;
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until(async () => (pool.pids.length === 2 && !pool.pids.some((pid) => pids.includes(pid)) ? true : undefined));
    await until(async () => ((await statuses('new')).has(undefined) ? undefined : true));
    expect(await statuses('old')).toEqual(new Set([401]));
    expect(await statuses('new')).toEqual(new Set([200]));
  });

  it('is ready when all of its processes hold what it served, whichever is asked, and again when one comes back', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const restore = await restoring('7');
    let restored = 0;
    const slowly: Restore = async (member) => {
      if (restored++ === 1) await gate;
      await restore(member);
    };
    const pool = create(2, slowly, { expected: () => ['tiny'] });
    await pool.start();
    /** On connections of their own. */
    const ready = () =>
      new Promise<number | undefined>((resolve) => {
        const sent = get({ port: pool.port, path: '/v2/health/ready', agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', () => resolve(undefined));
      });
    const statuses = async () => new Set(await Promise.all(Array.from({ length: 20 }, ready)));
    await served(pool, '7');
    expect(await statuses()).toEqual(new Set([503]));
    open();
    await until(async () => ((await statuses()).has(200) ? true : undefined));
    await settled(pool);
    expect(await statuses()).toEqual(new Set([200]));

    const [pid] = pool.pids;
    process.kill(pid, 'SIGKILL');
    await until(async () => (pool.pids.length === 2 && !pool.pids.includes(pid) ? true : undefined));
    await settled(pool);
    expect(await statuses()).toEqual(new Set([200]));
  });

  it('costs a request that a crash of native code takes along one more try of its client', async () => {
    const pool = create(2, await restoring('7'));
    await pool.start();
    await settled(pool);
    const [crashed] = pool.pids;
    const url = `http://127.0.0.1:${pool.port}`;
    const asking = (retries: number) => async () => {
      const client = createInferenceClient({ url, retries });
      return client.predict('tiny', [row]).then(
        ({ version }) => version,
        () => 'dropped',
      );
    };
    let impatient: string[] = [];
    const patient = await underLoad(32, asking(4), async () => {
      impatient = await underLoad(32, asking(0), async () => {
        await sleep(300);
        process.kill(crashed, 'SIGSEGV');
        await until(async () => (pool.pids.includes(crashed) || pool.pids.length < 2 ? undefined : true));
        await settled(pool);
      });
    });
    expect(new Set(patient)).toEqual(new Set(['7']));
    // Without another try, those that were under way are lost; the other process answers the rest.
    expect(new Set(impatient)).toEqual(new Set(['7', 'dropped']));
    expect(impatient.filter((answer) => answer === 'dropped').length).toBeLessThanOrEqual(64);
  });

  it('replaces a process that hangs without dying, and answers meanwhile', async () => {
    const pool = create(2, await restoring('7'), { hangTimeoutMs });
    await pool.start();
    await settled(pool);
    const [hung] = pool.pids;
    process.kill(hung, 'SIGSTOP');
    for (let i = 0; i < 10; i++) expect(await predict(pool)).toBe('7');
    await until(async () => (pool.pids.includes(hung) || pool.pids.length < 2 ? undefined : true));
    expect(isAlive(hung)).toBe(false);
    await settled(pool);
  });

  it('replaces a process whose model computes for ever on the thread of HTTP, and answers meanwhile', async () => {
    const files = writeVersion(join(directory, 'endless'), tinyGraph({ bias: 0, hangsAt: 13 }), tinyManifest, tinyGolden({ bias: 0 }));
    const prepared = await prepareVersion(files, directory);
    const restore: Restore = async (member) => {
      await member.request('stage', { model: 'tiny', version: '7', prepared });
      await member.request('activate', { model: 'tiny', version: '7', epoch: 1 });
    };
    const pool = create(2, restore, { hangTimeoutMs });
    await pool.start();
    await settled(pool);
    const before = pool.pids;
    const url = `http://127.0.0.1:${pool.port}`;
    const endless = fetch(`${url}/v1/models/tiny:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [{ ...row, date: 13 }] }),
    });
    const broken = expect(endless).rejects.toThrow('fetch failed');
    await sleep(50);
    // One that its process accepted before it began to compute may need another try.
    const client = createInferenceClient({ url, retries: 1 });
    for (let i = 0; i < 10; i++) expect((await client.predict('tiny', [row])).version).toBe('7');
    await broken;

    await until(async () => (pool.pids.length === 2 && pool.pids.some((pid) => !before.includes(pid)) ? true : undefined));
    expect(before.filter(isAlive)).toHaveLength(1);
    await settled(pool);
  });

  it('spreads connections over its processes', async () => {
    const pool = create(2, await restoring('7'));
    await pool.start();
    await settled(pool);
    const ask = (agent: Agent) =>
      new Promise<void>((resolve, reject) => {
        const options = { port: pool.port, path: '/v1/models/tiny:predict', method: 'POST', agent };
        const sent = request({ ...options, headers: { 'content-type': 'application/json' } }, (response) => {
          response.resume();
          response.on('end', resolve);
        });
        sent.on('error', reject);
        sent.end(body);
      });
    const answered = async (): Promise<number[]> =>
      (await pool.broadcast('metrics', null)).map((metrics) => {
        const requests = metrics.find(({ name }) => name === 'anneal_requests_total');
        return requests?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
      });
    // Who accepts is the kernel's choice, and a machine that is busy may let one of them sleep through a while.
    let counts: number[] = [];
    for (let clients = 1; clients <= 20; clients++) {
      // Kept alive all at once, as clients with a pool of connections do.
      const agent = new Agent({ keepAlive: true, maxSockets: 64 });
      for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 64 }, () => ask(agent)));
      agent.destroy();
      counts = await answered();
      expect(counts[0] + counts[1]).toBe(clients * 320);
      if (Math.min(...counts) > 32) return;
    }
    throw new Error(`one process answered nearly all: ${counts.join(' and ')} requests`);
  });

  it('tells the metrics of all its processes whichever is asked', async () => {
    const pool = create(2, await restoring('7'));
    await pool.start();
    await settled(pool);
    for (let i = 0; i < 40; i++) await predict(pool);
    const text = await (await fetch(`http://127.0.0.1:${pool.port}/metrics`)).text();
    expect(text).toContain('anneal_requests_total{model="tiny",version="7",protocol="rows",status="200"} 40');
    expect(text).toContain('anneal_model_loaded{model="tiny",version="7"} 1');
    expect(text).toContain('anneal_model_loads_total{model="tiny",outcome="verified"} 1');
  });

  it('goes on counting what a process had told that hangs, or was killed', async () => {
    const pool = create(2, await restoring('7'), { hangTimeoutMs: 60_000 });
    await pool.start();
    await settled(pool);
    const answered = async (): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${pool.port}/metrics`, { headers: { connection: 'close' } })).text();
      return Number(/^anneal_requests_total\{model="tiny".*status="200"\} (\d+)$/m.exec(text)?.[1]);
    };
    // On many connections, so that each process has some.
    await Promise.all(Array.from({ length: 64 }, () => predict(pool)));
    expect(await answered()).toBe(64);
    for (const pid of pool.pids) {
      process.kill(pid, 'SIGSTOP');
      const counted = await answered().finally(() => process.kill(pid, 'SIGKILL'));
      expect(counted).toBe(64);
      await until(async () => (pool.pids.length === 2 && !pool.pids.includes(pid) ? true : undefined));
      await settled(pool);
      expect(await answered()).toBe(64);
    }
  });

  it('asks another process when the one that was asked dies', async () => {
    const pool = create(2, await restoring('7'));
    await pool.start();
    await settled(pool);
    const asked = Promise.all(Array.from({ length: 20 }, () => pool.ask('predict', { model: 'tiny', instances: [row] })));
    process.kill(pool.pids[0], 'SIGKILL');
    expect((await asked).map(({ version }) => version)).toEqual(Array.from({ length: 20 }, () => '7'));
  });

  it('answers on the same port again, with the same version, after its only process was killed', async () => {
    const pool = create(1, await restoring('7'));
    await pool.start();
    await served(pool, '7');
    const [pid] = pool.pids;
    const { port, grpcPort } = pool;
    process.kill(pid, 'SIGKILL');
    await until(async () => (pool.pids.includes(pid) ? undefined : true));
    await served(pool, '7');
    expect(pool.port).toBe(port);
    expect(pool.grpcPort).toBe(grpcPort);
  });

  it('fails the commands that a dying process held, and sends later ones to the next', async () => {
    const pool = create(1);
    await pool.start();
    const [pid] = pool.pids;
    process.kill(pid, 'SIGSTOP');
    const held = pool.broadcast('state', null);
    held.catch(() => undefined);
    process.kill(pid, 'SIGKILL');
    await expect(held).rejects.toThrow('The serving process of this host ended (SIGKILL)');
    expect(await pool.broadcast('state', null)).toEqual([[]]);
  });

  it.each(['ANNEAL_HTTP_PORT', 'ANNEAL_GRPC_PORT'])('names %s when that port is taken', async (variable) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(create(2, undefined, variable === 'ANNEAL_HTTP_PORT' ? { port } : { grpcPort: port }).start()).rejects.toThrow(
      `The inference host cannot listen on 127.0.0.1:${port}: another process uses that port. Stop that process, or set ${variable} to a free port.`,
    );
    await new Promise((resolve) => other.close(resolve));
  });

  it('leaves no process behind when it is stopped', async () => {
    const pool = create(2);
    await pool.start();
    const { pids } = pool;
    await pool.stop();
    expect(pids.map(isAlive)).toEqual([false, false]);
    await expect(pool.broadcast('state', null)).rejects.toThrow('not running');
  });
});

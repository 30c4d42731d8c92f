import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { PredictResult } from '../../contracts/serving.js';
import { writeTinyVersion } from '../../serving/testing/tiny-bundle.js';
import { ServingChild } from './serving-child.js';

const logger = pino({ level: 'silent' });

describe('ServingChild', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-child-'));
  const started: ServingChild[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((child) => child.stop()));
    rmSync(directory, { recursive: true, force: true });
  });

  function create(onStarted: (child: ServingChild) => Promise<void> = async () => undefined, port = 0, grpcPort = 0): ServingChild {
    const child: ServingChild = new ServingChild({
      logger,
      host: '127.0.0.1',
      port,
      grpcPort,
      expected: () => [],
      onStarted: () => onStarted(child),
    });
    started.push(child);
    return child;
  }

  async function predict(child: ServingChild): Promise<string | undefined> {
    const response = await fetch(`http://127.0.0.1:${child.port}/v1/models/tiny:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [{ origin: 'SFO', date: 0, distance: 1 }] }),
    }).catch(() => undefined);
    return response?.status === 200 ? ((await response.json()) as PredictResult).version : undefined;
  }

  async function until<T>(read: () => Promise<T | undefined>, timeoutMs = 8000): Promise<T> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const value = await read();
      if (value !== undefined) return value;
      if (performance.now() > end) throw new Error(`nothing after ${timeoutMs} ms`);
      await sleep(20);
    }
  }

  it('answers on the same port again, with the same version, after its process was killed', async () => {
    const files = writeTinyVersion(directory, { bias: 0 });
    const child = create(async (self) => {
      await self.request('stage', { model: 'tiny', version: '7', files });
      await self.request('activate', { model: 'tiny', version: '7', epoch: 1 });
    });
    await child.start();
    expect(await until(() => predict(child))).toBe('7');
    const { pid, port, grpcPort } = child;
    process.kill(pid!, 'SIGKILL');
    await until(async () => (child.pid !== pid ? true : undefined));
    expect(await until(() => predict(child))).toBe('7');
    expect(child.port).toBe(port);
    expect(child.grpcPort).toBe(grpcPort);
  });

  it('fails the commands that a dying process held, and sends later ones to the next', async () => {
    const child = create();
    await child.start();
    const held = child.request('stage', { model: 'tiny', version: '1', files: writeTinyVersion(directory, { bias: 0 }) });
    held.catch(() => undefined);
    await sleep(10);
    process.kill(child.pid!, 'SIGKILL');
    await expect(held).rejects.toThrow('The serving process of this host ended (SIGKILL)');
    expect(await child.request('state', null)).toEqual([]);
  });

  it.each(['ANNEAL_HTTP_PORT', 'ANNEAL_GRPC_PORT'])('names %s when that port is taken', async (variable) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(create(undefined, ...(variable === 'ANNEAL_HTTP_PORT' ? [port, 0] : [0, port])).start()).rejects.toThrow(
      `The inference host cannot listen on 127.0.0.1:${port}: another process uses that port. Stop that process, or set ${variable} to a free port.`,
    );
    await new Promise((resolve) => other.close(resolve));
  });

  it('leaves no process behind when it is stopped', async () => {
    const child = create();
    await child.start();
    const pid = child.pid!;
    await child.stop();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(child.request('state', null)).rejects.toThrow('not running');
  });
});

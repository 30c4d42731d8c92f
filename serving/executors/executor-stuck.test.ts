import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServingSpec } from '../../contracts/pipeline.js';
import { isAlive } from '../../ml/is-alive.js';
import { executorPids } from '../testing/executor-processes.js';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyGolden, tinyGraph, tinyManifest, tinyProbability, writeVersion } from '../testing/tiny-bundle.js';

/** Rows of this date take the graph a thousand years. */
const endlessDate = 13;
const executeTimeoutSeconds = 0.4;
const maxWaitMs = 300;

type Serving = Awaited<ReturnType<typeof startServingProcess>>;

async function post(serving: Serving, name: string, distance: number, date = 0, parameters = {}) {
  const response = await fetch(`${serving.url}/v1/models/${name}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instances: [{ origin: 'SFO', date, distance }], parameters }),
  });
  const body = (await response.json()) as { error?: string; version: string; predictions: { probability: number }[] };
  return { status: response.status, degraded: response.headers.get('x-anneal-degraded'), body };
}

describe('an executor that does not come to an end', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-stuck-'));
  let serving: Serving;
  let epoch = 0;
  const lines: Record<string, unknown>[] = [];
  beforeAll(async () => {
    serving = await startServingProcess({}, [], {
      executors: { placement: 'executor-process', maxWaitMs },
      start: { logLevel: 'error' },
      isPiped: true,
    });
    serving.child.stdout!.on('data', (text: Buffer) => {
      for (const line of String(text).split('\n')) if (line.startsWith('{')) lines.push(JSON.parse(line) as Record<string, unknown>);
    });
    await promote('plain', '1', 1);
  });
  afterAll(async () => {
    await serving?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function promote(name: string, version: string, bias: number, spec: ServingSpec = {}, hangsAt?: number): Promise<void> {
    const manifest = { ...tinyManifest, serving: { executeTimeoutSeconds, ...spec } };
    const files = writeVersion(join(directory, `${name}-${version}`), tinyGraph({ bias, hangsAt }), manifest, tinyGolden({ bias }));
    await serving.stage(name, version, files);
    await serving.command('activate', { model: name, version, epoch: ++epoch });
  }

  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`${serving.url}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length + 1));
  }

  it('is killed, and the request refused that took two, while those that shared its batch and other models are answered', async () => {
    await promote('stuck', '7', 0, {}, endlessDate);
    const pids = executorPids(serving.child.pid!);
    const endless = post(serving, 'stuck', 1, endlessDate);
    const [others, elsewhere] = await Promise.all([
      Promise.all([1, 2, 3, 4].map((distance) => post(serving, 'stuck', distance))),
      post(serving, 'plain', 500),
    ]);
    for (const [i, { status, body }] of others.entries()) {
      expect(status).toBe(200);
      expect(body.predictions[0].probability).toBeCloseTo(tinyProbability({ bias: 0 }, { origin: 'SFO', distance: i + 1 }), 5);
    }
    expect(elsewhere.status).toBe(200);
    const { status, body } = await endless;
    expect(status).toBe(500);
    expect(body.error).toMatch(/Two executors of the model were ended .* longer than the version's executeTimeoutSeconds/);
    expect(await metric('anneal_executor_timeouts_total{model="stuck",version="7"}')).toBe(2);
    expect(await metric('anneal_executor_deaths_total{model="stuck",signal="SIGKILL"}')).toBe(2);
    expect(lines).toContainEqual(
      expect.objectContaining({ model: 'stuck', version: '7', signal: 'SIGKILL', msg: expect.stringMatching(/hung and was killed/) }),
    );
    for (let i = 0; executorPids(serving.child.pid!).length < 2 && i < 500; i++) await sleep(20);
    // That of the other model was not touched, and none of the stuck ones is left.
    expect(pids.filter(isAlive)).toHaveLength(1);
    expect((await post(serving, 'stuck', 1)).status).toBe(200);
  });

  it('is no reason to wait longer than the timeout of a request, nor than a request may wait', async () => {
    await promote('slow', '1', 0, { executeTimeoutSeconds: 1.5 }, endlessDate);
    const endless = post(serving, 'slow', 1, endlessDate);
    await sleep(100);
    const startedAt = performance.now();
    expect((await post(serving, 'slow', 2, 0, { timeout: 100_000 })).status).toBe(504);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await sleep(maxWaitMs + 100);
    expect((await post(serving, 'slow', 3)).status).toBe(429);
    expect((await endless).status).toBe(500);
    expect((await post(serving, 'slow', 3)).status).toBe(200);
  });

  it('keeps nobody of a higher priority out of a full queue, whatever the protocol', async () => {
    const full = await startServingProcess({}, [], { executors: { placement: 'executor-process', maxWaitingRows: 2 } });
    const manifest = { ...tinyManifest, serving: { executeTimeoutSeconds: 2 } };
    const files = writeVersion(join(directory, 'full'), tinyGraph({ bias: 0, hangsAt: endlessDate }), manifest, tinyGolden({ bias: 0 }));
    await full.stage('full', '1', files);
    await full.command('activate', { model: 'full', version: '1', epoch: 1 });
    const tensors = { origin: ['BYTES', 'SFO'], date: ['INT64', 0], distance: ['FP64', 1] } as const;
    const inputs = Object.entries(tensors).map(([name, [datatype, value]]) => ({ name, datatype, shape: [1], data: [value] }));
    const infer = async (priority: number): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ inputs, parameters: { priority } });
      const response = await fetch(`${full.url}/v2/models/full/infer`, { method: 'POST', headers, body });
      await response.arrayBuffer();
      return response.status;
    };
    const statusOf = async (...asked: Parameters<typeof post>): Promise<number> => (await post(...asked)).status;
    const endless = statusOf(full, 'full', 1, endlessDate);
    await sleep(100);
    const waiting = [statusOf(full, 'full', 2), statusOf(full, 'full', 3)];
    await sleep(100);
    expect(await statusOf(full, 'full', 4)).toBe(429);
    expect(await statusOf(full, 'full', 5, 0, { priority: 3 })).toBe(429);
    const urgent = [statusOf(full, 'full', 6, 0, { priority: 1 }), infer(1)];
    expect(await Promise.all([...waiting, ...urgent])).toEqual([429, 429, 200, 200]);
    expect(await endless).toBe(500);
    await full.stop();
  });

  it('has the fallback of the pipeline answer for it', async () => {
    await promote('guarded', '1', 0, { degrade: { fallbackModel: 'plain' } }, endlessDate);
    const { status, degraded, body } = await post(serving, 'guarded', 100, endlessDate);
    expect({ status, degraded }).toEqual({ status: 200, degraded: 'fallback' });
    expect(body.predictions[0].probability).toBeCloseTo(tinyProbability({ bias: 1 }, { origin: 'SFO', distance: 100 }), 5);
  });

  it('takes its serving process along when it is a thread, which nothing else ends', async () => {
    const placement = await startServingProcess({}, [], { executors: { placement: 'executor-thread' }, start: { logLevel: 'silent' } });
    const manifest = { ...tinyManifest, serving: { executeTimeoutSeconds } };
    const files = writeVersion(
      join(directory, 'threaded'),
      tinyGraph({ bias: 0, hangsAt: endlessDate }),
      manifest,
      tinyGolden({ bias: 0 }),
    );
    await placement.stage('threaded', '1', files);
    await placement.command('activate', { model: 'threaded', version: '1', epoch: 1 });
    const ended = once(placement.child, 'exit');
    await expect(post(placement, 'threaded', 1, endlessDate)).rejects.toThrow('fetch failed');
    expect(await ended).toEqual([null, 'SIGKILL']);
    await placement.stop();
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PredictResult } from '../contracts/serving.js';
import { underLoad } from '../testing/under-load.js';
import { startServingProcess } from './testing/serving-process.js';
import { tinyProbability, writeTinyVersion } from './testing/tiny-bundle.js';

const connections = 16;
const reloads = 12;
const row = { origin: 'SFO', date: 992_626_200_000, distance: 300 };
const body = JSON.stringify({ instances: [row] });
const biasOf = (version: number) => version / 4;

describe.each(['http-thread', 'executor-process'] as const)('a reload under load (%s)', (placement) => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-reload-'));
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess({}, [], { executors: { placement } });
    await promote(1);
  });
  afterAll(async () => {
    agent.destroy();
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function promote(version: number): Promise<void> {
    const files = writeTinyVersion(join(directory, String(version)), { bias: biasOf(version) });
    await serving.stage('tiny', String(version), files);
    await serving.command('activate', { model: 'tiny', version: String(version), epoch: version });
  }

  function predict(path = '/v1/models/tiny:predict'): Promise<PredictResult & { status: number }> {
    return new Promise((resolve, reject) => {
      const sent = request(serving.url + path, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve({ ...(JSON.parse(text) as PredictResult), status: response.statusCode! }));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  it('fails no request, and every answer is that of a version that was active while it was asked', async () => {
    let active = { from: 1, until: 1 };
    const failures: unknown[] = [];
    const seen = new Set<string>();
    const ask = async () => {
      const { from } = active;
      try {
        const { status, version, predictions } = await predict();
        const { until } = active;
        seen.add(version);
        const expected = tinyProbability({ bias: biasOf(Number(version)) }, row);
        const isRight = Math.abs((predictions[0].probability ?? Number.NaN) - expected) < 1e-5;
        if (status !== 200 || !isRight || Number(version) < from || Number(version) > until)
          failures.push({ status, version, from, until, isRight });
      } catch (error) {
        failures.push(error);
      }
    };
    const answered = await underLoad(connections, ask, async () => {
      for (let version = 2; version <= reloads + 1; version++) {
        active = { from: version - 1, until: version };
        await promote(version);
        active = { from: version, until: version };
        // On a busy machine the next version could come before anyone has asked this one.
        while (!seen.has(String(version)) && failures.length === 0) await sleep(5);
      }
    });
    expect(failures).toEqual([]);
    expect(answered.length).toBeGreaterThan(reloads * connections);
    expect(seen.size).toBe(reloads + 1);
  });

  it('keeps the version before loaded for a rollback, and releases the others', async () => {
    const { loaded, version } = (await serving.command('state', null))[0];
    expect({ loaded, version }).toEqual({ loaded: [String(reloads), String(reloads + 1)], version: String(reloads + 1) });
    const startedAt = performance.now();
    await serving.command('activate', { model: 'tiny', version: String(reloads), epoch: 100 });
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect((await predict()).version).toBe(String(reloads));
  });

  it('keeps the old version serving when the new one fails to load', async () => {
    const before = (await predict()).version;
    const files = writeTinyVersion(join(directory, 'bad'), { bias: 9, goldenError: 0.01 });
    await expect(serving.stage('tiny', 'bad', files)).rejects.toThrow('Version bad of tiny was not loaded');
    await expect(serving.command('activate', { model: 'tiny', version: 'bad', epoch: 101 })).rejects.toThrow('has not been staged');
    expect((await predict()).version).toBe(before);
  });

  it('loads a version once that is staged twice at the same time', async () => {
    const files = writeTinyVersion(join(directory, 'twice'), { bias: 9 });
    const stage = () => serving.stage('tiny', 'twice', files);
    const [first, second] = await Promise.all([stage(), stage()]);
    expect(second).toEqual(first);
    expect(await stage()).toEqual(first);
    await serving.command('retire', { model: 'tiny', version: 'twice' });
    expect((await serving.command('state', null))[0].loaded).not.toContain('twice');
  });

  it('does not replace an active version by other files of the same number before it is activated', async () => {
    const [{ version }] = await serving.command('state', null);
    const files = writeTinyVersion(join(directory, 'other'), { bias: -5 });
    const before = (await predict()).predictions[0].probability;
    await serving.stage('tiny', version!, files);
    expect((await predict()).predictions[0].probability).toBe(before);
    await serving.command('activate', { model: 'tiny', version: version!, epoch: 102 });
    expect((await predict()).predictions[0].probability).toBeCloseTo(tinyProbability({ bias: -5 }, row), 6);
  });

  it('finishes the requests in flight when it drains, closes their connections, and ends with code 0', async () => {
    const inFlight = Array.from({ length: connections }, () => predict());
    await inFlight[0];
    const drained = serving.command('drain', null);
    // Sent on connections that were kept alive, some of them idle while the process begins to drain.
    const late = Array.from({ length: connections }, () => predict().catch((error: NodeJS.ErrnoException) => error.code));
    const statuses = (await Promise.all(inFlight)).map(({ status }) => status);
    expect(statuses).toEqual(statuses.map(() => 200));
    for (const outcome of await Promise.all(late))
      expect(['ECONNREFUSED', 200]).toContain(typeof outcome === 'object' ? outcome.status : outcome);
    await drained;
    await expect(predict()).rejects.toThrow('ECONNREFUSED');
    expect(await serving.stop()).toBe(0);
  });
});

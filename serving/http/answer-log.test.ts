import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

describe('the log of a serving process at its debug level', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-answer-log-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let log = '';
  beforeAll(async () => {
    serving = await startServingProcess({}, [], { start: { logLevel: 'debug' }, isPiped: true });
    serving.child.stdout!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await serving.stage('tiny', '3', writeTinyVersion(join(directory, '3'), { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '3', epoch: 1 });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function lineOf(requestId: string, path: string, instances: unknown): Promise<Record<string, unknown>> {
    const headers = { 'content-type': 'application/json', 'x-request-id': requestId };
    await (await fetch(serving.url + path, { method: 'POST', headers, body: JSON.stringify({ instances }) })).text();
    for (let attempt = 0; attempt < 1000; attempt++, await sleep(20)) {
      const line = log.split('\n').find((each) => each.includes(requestId) && each.endsWith('}'));
      if (line !== undefined) return JSON.parse(line) as Record<string, unknown>;
    }
    throw new Error(`No line of ${requestId} in ${log}`);
  }

  it('names model and version of each request for predictions, and nothing that it brought', async () => {
    const row = { origin: 'SFO', date: 0, distance: 100 };
    const tiny = { model: 'tiny', version: '3' };
    expect(await lineOf('r-1', '/v1/models/tiny:predict', [row])).toMatchObject({ ...tiny, status: 200, ms: expect.any(Number) });
    expect(await lineOf('r-2', '/v1/models/tiny/labels/champion:predict', [row])).toMatchObject({ ...tiny, status: 200 });
    expect(await lineOf('r-3', '/v1/models/tiny:predict', [{ ...row, distance: 'SECRET' }])).toMatchObject({ ...tiny, status: 400 });
    expect(await lineOf('r-4', '/v1/models/SECRET:predict', [row])).toMatchObject({ status: 404 });
    expect(log).not.toContain('SECRET');
  });
});

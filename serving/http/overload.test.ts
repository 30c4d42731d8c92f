import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const row = { origin: 'SFO', date: 0, distance: 100 };

/** Asks for the health of a host all the time, in a process of its own: what is measured is the host, not the one that floods it. */
async function watchHealth(url: string): Promise<{ stop(): Promise<{ statuses: number[]; milliseconds: number[] }> }> {
  const script = `const statuses = [], milliseconds = []; let stopped = false;
    process.on('message', () => (stopped = true));
    while (!stopped) {
      const startedAt = performance.now();
      const response = await fetch('${url}/v2/health/ready');
      await response.arrayBuffer();
      if (statuses.push(response.status) === 1) process.send({});
      else milliseconds.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    process.send({ statuses, milliseconds: milliseconds.sort((a, b) => a - b) }, () => process.disconnect());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  return {
    async stop() {
      child.send({});
      const [measured] = (await once(child, 'message')) as [{ statuses: number[]; milliseconds: number[] }];
      return measured;
    },
  };
}

describe.each(['http-thread', 'executor-thread', 'executor-process'] as const)(
  'a serving process that is asked too much (%s)',
  (placement) => {
    const directory = mkdtempSync(join(tmpdir(), 'anneal-overload-'));
    const agent = new Agent({ keepAlive: true, maxSockets: 400 });
    let serving: Awaited<ReturnType<typeof startServingProcess>>;
    beforeAll(async () => {
      serving = await startServingProcess({ maxInFlight: 40 }, [], { executors: { placement } });
      await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
      await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    });
    afterAll(async () => {
      agent.destroy();
      await serving.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    function predict(body: unknown, abortAfterMs?: number): Promise<{ status: number; headers: IncomingHttpHeaders }> {
      return new Promise((resolve, reject) => {
        const options = { method: 'POST', agent, headers: { 'content-type': 'application/json' } };
        const sent = request(`${serving.url}/v1/models/tiny:predict`, options, (response) => {
          response.resume();
          response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers }));
        });
        sent.on('error', reject);
        sent.end(typeof body === 'string' ? body : JSON.stringify(body));
        if (abortAfterMs !== undefined) setTimeout(() => sent.destroy(), abortAfterMs);
      });
    }

    async function predictRepeatedly(body: unknown, times: number): Promise<Awaited<ReturnType<typeof predict>>[]> {
      const answers = [];
      for (let i = 0; i < times; i++) answers.push(await predict(body));
      return answers;
    }

    /** A refusal may be right for a moment: a starved machine still works off what waits. */
    async function untilAnswered(): Promise<number> {
      for (let i = 0; ; i++) {
        const { status } = await predict({ instances: [row] });
        if (status !== 429 || i === 50) return status;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }

    it('sheds with 429 and Retry-After, answers the others, and stays healthy', async () => {
      // Written once: what is measured is the host, not this process.
      const large = JSON.stringify({ instances: Array.from({ length: 300 }, () => row) });
      const health = await watchHealth(serving.url);
      const answers = (await Promise.all(Array.from({ length: 400 }, () => predictRepeatedly(large, 3)))).flat();
      const { statuses, milliseconds } = await health.stop();
      expect(new Set(statuses)).toEqual(new Set([200]));
      // Some are asked while requests wait for their turn; a machine for tests may be busy beside.
      expect(milliseconds.length).toBeGreaterThan(5);
      expect(milliseconds[milliseconds.length >> 1]).toBeLessThan(250);
      expect(milliseconds.at(-1)).toBeLessThan(10_000);
      const shed = answers.filter(({ status }) => status === 429);
      expect(shed.length).toBeGreaterThan(0);
      expect(Number(shed[0].headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(answers.length - shed.length).toBeGreaterThan(0);
      expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
      expect(await untilAnswered()).toBe(200);
    });

    it('takes timeouts and priorities, and refuses those that are none', async () => {
      const taken = [
        { timeout: 5_000_000, priority: 1 },
        { timeout: '5000000', priority: '3' },
        { timeout: 0, priority: 0 },
        { timeout: null, priority: null },
      ];
      for (const parameters of taken) expect((await predict({ instances: [row], parameters })).status).toBe(200);
      for (const timeout of [-1, 'soon', 1.5, '1.5', '', ' ', true, false, [], [5], {}, '9'.repeat(15)]) {
        const { status } = await predict({ instances: [row], parameters: { timeout } });
        expect([timeout, status]).toEqual([timeout, 400]);
      }
      for (const priority of ['first', -1, '', false]) {
        const { status } = await predict({ instances: [row], parameters: { priority } });
        expect(status).toBe(400);
      }
    });

    it('survives clients that go away in the middle of it', async () => {
      const gone = Array.from({ length: 50 }, (_, i) =>
        predict({ instances: Array.from({ length: 200 }, () => row) }, i % 5).catch(() => undefined),
      );
      await Promise.all(gone);
      expect(await untilAnswered()).toBe(200);
    });
  },
);

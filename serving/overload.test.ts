import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from './testing/serving-process.js';
import { writeTinyVersion } from './testing/tiny-bundle.js';

const row = { origin: 'SFO', date: 0, distance: 100 };

describe.each(['http-thread', 'executor-thread'] as const)('a serving process that is asked too much (%s)', (placement) => {
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
    const flood = Array.from({ length: 400 }, () => predict(large));
    const startedAt = performance.now();
    const health = await fetch(`${serving.url}/v2/health/ready`);
    const healthMs = performance.now() - startedAt;
    const answers = await Promise.all(flood);
    expect(health.status).toBe(200);
    // Some hundred connections are opened before it, by this process; and a machine for tests may be busy beside.
    expect(healthMs).toBeLessThan(15_000);
    const shed = answers.filter(({ status }) => status === 429);
    expect(shed.length).toBeGreaterThan(0);
    expect(Number(shed[0].headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(answers.length - shed.length).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(await untilAnswered()).toBe(200);
  });

  it('takes timeouts and priorities, and refuses those that are none', async () => {
    expect((await predict({ instances: [row], parameters: { timeout: 5_000_000, priority: 1 } })).status).toBe(200);
    for (const parameters of [{ timeout: -1 }, { timeout: 'soon' }, { timeout: 1.5 }, { priority: 'first' }, { priority: -1 }])
      expect((await predict({ instances: [row], parameters })).status).toBe(400);
  });

  it('survives clients that go away in the middle of it', async () => {
    const gone = Array.from({ length: 50 }, (_, i) =>
      predict({ instances: Array.from({ length: 200 }, () => row) }, i % 5).catch(() => undefined),
    );
    await Promise.all(gone);
    expect(await untilAnswered()).toBe(200);
  });
});

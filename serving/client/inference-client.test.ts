import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyProbability, writeTinyVersion } from '../testing/tiny-bundle.js';
import { createInferenceClient } from './inference-client.js';

type Models = { tiny: { origin: string | null; date: number | string; distance: number } };
const row = { origin: 'SFO', date: 0, distance: 100 };

describe('createInferenceClient', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-client-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  const servers: Server[] = [];
  beforeAll(async () => {
    serving = await startServingProcess();
    for (const [epoch, version] of ['1', '2'].entries()) {
      await serving.stage('tiny', version, writeTinyVersion(join(directory, version), { bias: epoch }));
      await serving.command('activate', { model: 'tiny', version, epoch });
    }
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** A server that answers as the test says, call by call; then as the host would. */
  async function flaky(...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) {
    let calls = 0;
    const server = createServer((request, response) => {
      const answer = answers[calls++];
      if (answer) answer(request, response);
      else response.end(JSON.stringify({ model: 'tiny', version: '1', predictions: [] }));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
  }
  const refuse =
    (status: number, headers = {}) =>
    (_request: IncomingMessage, response: ServerResponse) =>
      void response.writeHead(status, headers).end('{"error": "not now"}');

  it('asks the active version, one by its number, and one by its label', async () => {
    const client = createInferenceClient<Models>({ url: `${serving.url}/` });
    const late = (bias: number) => [{ probability: expect.closeTo(tinyProbability({ bias }, row), 5) }];
    expect(await client.predict('tiny', [row])).toMatchObject({ version: '2', predictions: late(1) });
    expect(await client.predict('tiny', [row], { version: '1', priority: 1 })).toMatchObject({ version: '1', predictions: late(0) });
    expect(await client.predict('tiny', [row], { label: 'previous' })).toMatchObject({ version: '1' });
  });

  it("fails at once with the host's message when the request does not fit", async () => {
    const client = createInferenceClient({ url: serving.url });
    const error = await client.predict('tiny', [{ origin: 5 }]).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ name: 'InferenceError', status: 400, message: expect.stringContaining('Row 0') });
  });

  it('tries again after overload, a host that is not ready and a connection that broke', async () => {
    const host = await flaky(refuse(429, { 'retry-after': '0' }), refuse(503), (request) => request.socket.destroy());
    expect(await createInferenceClient({ url: host.url }).predict('tiny', [row])).toMatchObject({ version: '1' });
    expect(host.calls()).toBe(4);
  });

  it('waits as long as the host says, and gives up rather than miss its deadline', async () => {
    const host = await flaky(refuse(429, { 'retry-after': '1' }));
    const startedAt = performance.now();
    await createInferenceClient({ url: host.url }).predict('tiny', [row]);
    expect(performance.now() - startedAt).toBeGreaterThan(950);
    const other = await flaky(refuse(429, { 'retry-after': '60' }));
    await expect(createInferenceClient({ url: other.url, timeoutMs: 2000 }).predict('tiny', [row])).rejects.toMatchObject({ status: 429 });
  });

  it('does not wait beyond its timeout, nor when it is told to stop', async () => {
    const silent = await flaky(
      () => undefined,
      () => undefined,
    );
    const client = createInferenceClient({ url: silent.url, timeoutMs: 100 });
    await expect(client.predict('tiny', [row])).rejects.toMatchObject({ name: 'TimeoutError' });
    const stop = new AbortController();
    const asked = client.predict('tiny', [row], { signal: stop.signal, timeoutMs: 10_000 });
    stop.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
  });

  it.each([1999.5, 7_200_000, 2 ** 32, Number.POSITIVE_INFINITY])('takes %d milliseconds for a timeout', async (timeoutMs) => {
    const client = createInferenceClient({ url: serving.url, timeoutMs: 2000 });
    expect(await client.predict('tiny', [row], { timeoutMs })).toMatchObject({ version: '2' });
  });

  it('refuses a version beside a label, and a timeout that is no number, before it asks anybody', async () => {
    const host = await flaky();
    const client = createInferenceClient({ url: host.url });
    // @ts-expect-error the types take one of the two
    const both = client.predict('tiny', [row], { version: '1', label: 'champion' });
    await expect(both).rejects.toThrow('names both a version ("1") and a label ("champion")');
    await expect(client.predict('tiny', [row], { timeoutMs: Number.NaN })).rejects.toThrow('timeoutMs is NaN: give a number');
    expect(() => createInferenceClient({ url: host.url, timeoutMs: Number.NaN })).toThrow('timeoutMs is NaN: give a number');
    expect(host.calls()).toBe(0);
  });

  it('names the address when nobody is there', async () => {
    const client = createInferenceClient({ url: 'http://127.0.0.1:1', retries: 1 });
    await expect(client.predict('tiny', [row])).rejects.toThrow('The inference host at http://127.0.0.1:1 cannot be reached');
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const row = { origin: 'SFO', date: 0, distance: 100 };
const rows = JSON.stringify({ instances: [row, row] });
const tensors = JSON.stringify({
  inputs: [
    { name: 'origin', shape: [1, 1], datatype: 'BYTES', data: ['SFO'] },
    { name: 'date', shape: [1], datatype: 'INT64', data: [0] },
    { name: 'distance', shape: [1], datatype: 'FP64', data: [1] },
  ],
});
const paths = ['/v1/models/tiny:predict', '/v1/models/tiny/versions/1:predict', '/v2/models/tiny/infer'] as const;
const words = [
  'instances',
  'inputs',
  'outputs',
  'name',
  'shape',
  'datatype',
  'data',
  'parameters',
  'id',
  'origin',
  'date',
  'distance',
  '__proto__',
  'constructor',
  'toString',
  'length',
];

describe('a serving process under garbage', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-fuzz-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess({ requestTimeoutMs: 300, headersTimeoutMs: 300 });
    await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
  });
  afterAll(async () => {
    expect(serving.child.exitCode).toBeNull();
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function post(path: string, body: Buffer): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(serving.url + path, { method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve({ status: response.statusCode!, text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  async function expectAnswer(path: string, body: Buffer): Promise<void> {
    const { status, text } = await post(path, body);
    expect([200, 400, 404, 413]).toContain(status);
    if (status !== 200) expect(Object.keys(JSON.parse(text) as object)).toEqual(['error']);
  }

  const leaf = fc.oneof(
    fc.constantFrom(...words, '', 'BYTES', 'FP64', 'INT64'),
    fc.double(),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom(...words), tie('value'), { maxKeys: 6 }),
    ),
  }));

  it('answers any JSON with 200 or a refusal', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), value, (path, body) => expectAnswer(path, Buffer.from(JSON.stringify(body)))),
      { numRuns: 300 },
    );
  });

  it('answers a request in which any value was replaced', async () => {
    const mutated = fc.tuple(fc.constantFrom(rows, tensors), fc.nat(), value).map(([text, position, replacement]) => {
      let count = 0;
      const total = text.split(/[":,[\]{}]/).length;
      const body: unknown = JSON.parse(text, (_key, old: unknown) => (count++ === position % total ? replacement : old));
      return JSON.stringify(body) ?? 'null';
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), mutated, (path, body) => expectAnswer(path, Buffer.from(body))),
      { numRuns: 300 },
    );
  });

  it('answers any bytes, and requests with a few bytes changed', async () => {
    const changed = fc
      .tuple(fc.constantFrom(rows, tensors), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }))
      .map(([text, changes]) => {
        const bytes = Buffer.from(text);
        for (const [position, byte] of changes) bytes[position % bytes.length] = byte;
        return bytes;
      });
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.oneof(bytes, changed), (path, body) => expectAnswer(path, body)),
      { numRuns: 300 },
    );
  });

  it('survives what is not HTTP, and clients that break off', async () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array)),
      fc
        .nat(rows.length)
        .map((cut) => Buffer.from(`POST ${paths[0]} HTTP/1.1\r\nHost: x\r\nContent-Length: ${rows.length}\r\n\r\n${rows.slice(0, cut)}`)),
    );
    await fc.assert(
      fc.asyncProperty(noise, fc.boolean(), async (bytes, isReset) => {
        await new Promise<void>((resolve) => {
          const socket = connect(serving.port, '127.0.0.1', () => {
            socket.write(bytes, () => (isReset ? socket.resetAndDestroy() : socket.end()));
          });
          socket.resume();
          socket.on('error', () => undefined);
          socket.on('close', () => resolve());
        });
      }),
      { numRuns: 60 },
    );
    expect((await post(paths[0], Buffer.from(rows))).status).toBe(200);
  });
});

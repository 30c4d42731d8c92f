import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyProbability, writeTinyVersion } from '../testing/tiny-bundle.js';

const texts = (...values: string[]) =>
  Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(value));
      return [length, Buffer.from(value)];
    }),
  );
const origin = texts('SFO', 'JFK');
const date = Buffer.from(BigInt64Array.of(992_626_200_000n, -1n).buffer);
const distance = Buffer.from(Float32Array.of(100, -700).buffer);
const tensor = (name: string, datatype: string, sizeBytes: unknown) => ({
  name,
  datatype,
  shape: [2, 1],
  parameters: { binary_data_size: sizeBytes },
});
const inputs = [
  tensor('origin', 'BYTES', origin.length),
  tensor('date', 'INT64', date.length),
  tensor('distance', 'FP32', distance.length),
];
const expected = [
  tinyProbability({ bias: 0 }, { origin: 'SFO', distance: 100 }),
  tinyProbability({ bias: 0 }, { origin: 'JFK', distance: -700 }),
];

describe('binary tensors and compressed bodies over HTTP', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-binary-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess({ maxBodyBytes: 20_000, maxRows: 50 }, ['coming']);
    await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const post = (path: string, body: Buffer | string, headers: Record<string, string> = {}) =>
    fetch(serving.url + path, { method: 'POST', body, headers });

  async function infer(json: unknown, binary: Buffer, headers: Record<string, string> = {}) {
    const header = Buffer.from(JSON.stringify(json));
    const body = Buffer.concat([header, binary]);
    const response = await post('/v2/models/tiny/infer', body, {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(header.length),
      ...headers,
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const jsonBytes = Number(response.headers.get('inference-header-content-length') ?? bytes.length);
    const text = bytes.subarray(0, jsonBytes).toString();
    return {
      status: response.status,
      headers: response.headers,
      json: JSON.parse(text),
      binary: new Uint8Array(bytes.subarray(jsonBytes)),
    };
  }

  it('takes and gives tensors as bytes', async () => {
    const { status, headers, json, binary } = await infer(
      { id: 'b', inputs, parameters: { binary_data_output: true } },
      Buffer.concat([origin, date, distance]),
    );
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(json).toMatchObject({
      model_version: '1',
      id: 'b',
      outputs: [
        { name: 'probabilities', datatype: 'FP32', shape: [2, 2], parameters: { binary_data_size: 16 } },
        { name: 'class_index', datatype: 'INT64', shape: [2, 1], parameters: { binary_data_size: 16 } },
      ],
    });
    expect(json.outputs[0]).not.toHaveProperty('data');
    const probabilities = new Float32Array(binary.buffer.slice(0, 16));
    expect([probabilities[1], probabilities[3]]).toEqual(expected.map((value) => expect.closeTo(value, 6)));
    expect(new BigInt64Array(binary.buffer.slice(16))).toEqual(BigInt64Array.of(1n, 0n));
  });

  it('mixes both forms, in what it takes and in what it gives', async () => {
    const { status, json, binary } = await infer(
      {
        inputs: [inputs[0], { name: 'date', datatype: 'INT64', shape: [2], data: [0, 1] }, inputs[2]],
        outputs: [{ name: 'class_index' }, { name: 'probabilities', parameters: { binary_data: true } }],
      },
      Buffer.concat([origin, distance]),
    );
    expect(status).toBe(200);
    expect(json.outputs).toMatchObject([{ name: 'probabilities' }, { name: 'class_index', data: [1, 0] }]);
    expect(new Float32Array(binary.buffer)[1]).toBeCloseTo(expected[0], 6);
  });

  it.each([
    ['bytes that no tensor claims', { inputs }, Buffer.concat([origin, date, distance, Buffer.alloc(3)]), '3 bytes after the last'],
    ['fewer bytes than are claimed', { inputs }, Buffer.concat([origin, date]), '"binary_data_size" of the input "distance"'],
    ['a size that is no number', { inputs: [tensor('origin', 'BYTES', '9')] }, origin, '"binary_data_size" of the input "origin"'],
    ['a negative size', { inputs: [tensor('origin', 'BYTES', -1)] }, origin, '"binary_data_size" of the input "origin"'],
    ['both forms at once', { inputs: [{ ...inputs[0], data: ['a', 'b'] }] }, origin, 'both "data" and'],
    ['a size that does not fit the shape', { inputs: [tensor('date', 'INT64', 15)] }, date.subarray(1), '15 bytes of data'],
    ['more rows than the limit', { inputs: [{ ...inputs[0], shape: [51] }] }, origin, 'more than 50'],
  ])('refuses %s with 400', async (_name, json, binary, message) => {
    expect(await infer(json, binary)).toMatchObject({ status: 400, json: { error: expect.stringContaining(message) } });
  });

  it.each(['99999999', '-1', '1e1', '', 'NaN'])('refuses the length of JSON "%s" with 400', async (length) => {
    expect(await infer({ inputs }, origin, { 'inference-header-content-length': length })).toMatchObject({ status: 400 });
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('inflates %s, with and without binary tensors', async (encoding, compress) => {
    const row = { origin: 'SFO', date: 0, distance: 100 };
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const rows = await post('/v1/models/tiny:predict', compress(JSON.stringify({ instances: [row] })), headers);
    expect(await rows.json()).toMatchObject({ predictions: [{ probability: expect.closeTo(expected[0], 6) }] });
    const json = Buffer.from(JSON.stringify({ inputs, outputs: [{ name: 'class_index' }] }));
    const tensors = await post('/v2/models/tiny/infer', compress(Buffer.concat([json, origin, date, distance])), {
      'content-encoding': encoding,
      'inference-header-content-length': String(json.length),
    });
    expect(await tensors.json()).toMatchObject({ outputs: [{ data: [1, 0] }] });
  });

  it('holds the limit for what a body inflates to, and refuses what is not compressed', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const bomb = gzipSync(Buffer.alloc(50_000_000, ' '));
    expect(bomb.length).toBeGreaterThan(20_000);
    expect((await post('/v1/models/tiny:predict', gzipSync(Buffer.alloc(1_000_000, ' ')), headers)).status).toBe(413);
    expect((await post('/v1/models/tiny:predict', bomb, headers)).status).toBe(413);
    expect((await post('/v1/models/tiny:predict', '{}', headers)).status).toBe(400);
  });

  it('lists the repository: loaded versions, and models that are about to be loaded', async () => {
    const loaded = { name: 'tiny', version: '1', state: 'READY', reason: '' };
    const all = await post('/v2/repository/index', '');
    expect(await all.json()).toEqual([loaded, { name: 'coming', state: 'LOADING', reason: expect.any(String) }]);
    const ready = await post('/v2/repository/index', '{"ready": true}');
    expect(await ready.json()).toEqual([loaded]);
    expect((await post('/v2/repository/index', '[]')).status).toBe(400);
  });
});

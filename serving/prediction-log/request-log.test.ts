import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inferenceServiceName } from '../grpc/grpc-server.js';
import { loadService } from '../grpc/service-definition.js';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyGolden, tinyGraph, tinyManifest, writeVersion } from '../testing/tiny-bundle.js';
import { headerOf, segmentEntries } from './read-segment.js';

const row = { origin: 'SFO', date: 0, distance: 100 };
const inputs = [
  { name: 'origin', shape: [1], datatype: 'BYTES', data: ['SFO'] },
  { name: 'date', shape: [1], datatype: 'INT64', data: [0] },
  { name: 'distance', shape: [1], datatype: 'FP64', data: [1] },
];
const contents = [{ bytes_contents: [Buffer.from('SFO')] }, { int64_contents: [0] }, { fp64_contents: [1] }];
const { ModelInfer } = loadService('./inference.proto', inferenceServiceName);

describe('what a serving process logs of its requests', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-request-log-'));
  const logDirectory = join(directory, 'log');
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let grpc: Client;
  beforeAll(async () => {
    serving = await startServingProcess({}, [], { start: { predictionLog: { directory: logDirectory, share: 0.25 } } });
    grpc = new Client(serving.grpcAddress, credentials.createInsecure());
    for (const [model, share] of Object.entries({ all: 1, none: 0, some: undefined })) {
      const manifest = { ...tinyManifest, ...(share === undefined ? {} : { serving: { log: { share } } }) };
      await serving.stage(model, '1', writeVersion(join(directory, model), tinyGraph({ bias: 0 }), manifest, tinyGolden({ bias: 0 })));
      await serving.command('activate', { model, version: '1', epoch: 1 });
    }
  });
  afterAll(async () => {
    grpc.close();
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** @returns the id in the answer */
  async function post(path: string, body: unknown, id?: string): Promise<string | null> {
    const headers = { 'content-type': 'application/json', ...(id === undefined ? {} : { 'x-request-id': id }) };
    const response = await fetch(serving.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    await response.arrayBuffer();
    return response.headers.get('x-request-id');
  }

  /** @returns the id in the metadata of the answer, which may be a refusal */
  function infer(model: string, message: object, id?: string): Promise<unknown> {
    const metadata = new Metadata();
    if (id !== undefined) metadata.set('x-request-id', id);
    const tensors = inputs.map(({ name, shape, datatype }, i) => ({ name, shape, datatype, contents: contents[i] }));
    return new Promise((resolve) => {
      const { path, requestSerialize, responseDeserialize } = ModelInfer;
      const request = { model_name: model, inputs: tensors, ...message };
      const call = grpc.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, () => undefined);
      call.on('metadata', (answered) => resolve(answered.get('x-request-id')[0]));
    });
  }

  it('bears the id that the client gave its request, in whatever protocol, and says it in the answer', async () => {
    expect(await post('/v1/models/all:predict', { instances: [row] }, 'rows-1')).toBe('rows-1');
    expect(await post('/v2/models/all/infer', { inputs, id: 'tensors-1' })).toBe('tensors-1');
    expect(await post('/v2/models/all/infer', { inputs, id: 'tensors-2' }, 'header-2')).toBe('header-2');
    const made = await post('/v2/models/all/infer', { inputs, id: 'not <plain>' });
    expect(made).toMatch(/^[\w-]{10,30}$/);
    expect(await infer('all', { id: 'grpc-1' })).toBe('grpc-1');
    expect(await infer('all', { id: 'grpc-2' }, 'metadata-2')).toBe('metadata-2');
    const fresh = await infer('all', {});
    expect(fresh).toMatch(/^[\w-]{10,30}$/);
    expect(await infer('unheard-of', {}, 'refused-1')).toBe('refused-1');

    for (let i = 0; i < 400; i++) await post('/v1/models/some:predict', { instances: [row] });
    for (let i = 0; i < 10; i++) await post('/v1/models/none:predict', { instances: [row] });
    await serving.command('drain', null);
    const ids = new Map<string, string[]>();
    for (const name of readdirSync(join(logDirectory, 'closed'))) {
      const path = join(logDirectory, 'closed', name);
      ids.set(
        (await headerOf(path))!.model,
        Array.from(await segmentEntries(path), ({ marks }) => marks.r),
      );
    }
    expect(ids.get('all')!).toEqual(['rows-1', 'tensors-1', 'header-2', made, 'grpc-1', 'metadata-2', fresh]);
    // A quarter of 400, as the host says; 35 are four standard deviations.
    expect(Math.abs(ids.get('some')!.length - 100)).toBeLessThan(35);
    expect(ids.has('none')).toBe(false);
  });
});

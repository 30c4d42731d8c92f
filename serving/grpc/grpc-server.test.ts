import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { underLoad } from '../../testing/under-load.js';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyProbability, writeTinyVersion } from '../testing/tiny-bundle.js';
import { healthServiceName, inferenceServiceName } from './grpc-server.js';
import { loadService, type Method } from './service-definition.js';

const inference = loadService('./inference.proto', inferenceServiceName);
const health = loadService('./health.proto', healthServiceName);

const text = (value: string) => Buffer.from([value.length, 0, 0, 0, ...Buffer.from(value)]);
const raw = [
  Buffer.concat([text('SFO'), text('JFK')]),
  Buffer.from(BigInt64Array.of(992_626_200_000n, -1n).buffer),
  Buffer.from(Float64Array.of(100, -700).buffer),
];
const tensors = [
  { name: 'origin', datatype: 'BYTES', shape: [2, 1] },
  { name: 'date', datatype: 'INT64', shape: [2] },
  { name: 'distance', datatype: 'FP64', shape: [2, 1] },
];
const contents = [
  { bytes_contents: [Buffer.from('SFO'), Buffer.from('JFK')] },
  { int64_contents: [992_626_200_000, -1] },
  { fp64_contents: [100, -700] },
];
const typed = tensors.map((tensor, i) => ({ ...tensor, contents: contents[i] }));
const late = [
  tinyProbability({ bias: 0 }, { origin: 'SFO', distance: 100 }),
  tinyProbability({ bias: 0 }, { origin: 'JFK', distance: -700 }),
];

interface InferResponse {
  readonly model_version: string;
  readonly id: string;
  readonly outputs: readonly { name: string; datatype: string; contents: { fp32_contents: number[] } | null }[];
  readonly raw_output_contents: readonly Buffer[];
}

describe('the gRPC interface of a serving process', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-grpc-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let client: Client;
  beforeAll(async () => {
    serving = await startServingProcess({ maxBodyBytes: 20_000, maxRows: 50 });
    client = new Client(serving.grpcAddress, credentials.createInsecure());
    for (const [i, version] of ['1', '2'].entries())
      await serving.stage('tiny', version, writeTinyVersion(join(directory, version), { bias: i }));
  });
  afterAll(async () => {
    client.close();
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function call<T = Record<string, unknown>>(method: Method, message: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, message, (error, response) =>
        error ? reject(error) : resolve(response as T),
      );
    });
  }
  const infer = (message: object) => call<InferResponse>(inference.ModelInfer, { model_name: 'tiny', ...message });
  const refusal = (message: object) =>
    infer(message).then(
      () => undefined,
      (error: ServiceError) => error,
    );

  it('is live at once, and ready when a version is active', async () => {
    expect(await call(inference.ServerLive)).toMatchObject({ live: true });
    expect(await call(inference.ServerReady)).toMatchObject({ ready: false });
    expect(await call(health.Check)).toMatchObject({ status: 2 });
    expect(await refusal({ inputs: typed })).toMatchObject({ code: status.UNAVAILABLE });
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    await serving.stage('tiny', '2', writeTinyVersion(join(directory, '2'), { bias: 1 }));
    expect(await call(inference.ServerReady)).toMatchObject({ ready: true });
    expect(await call(health.Check, { service: inferenceServiceName })).toMatchObject({ status: 1 });
    expect(await call(inference.ModelReady, { name: 'tiny' })).toMatchObject({ ready: true });
    expect(await call(inference.ModelReady, { name: 'tiny', version: '9' })).toMatchObject({ ready: false });
    await expect(call(health.Check, { service: 'other' })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('describes server and model as HTTP does', async () => {
    expect({ ...(await call(inference.ServerMetadata)) }).toEqual({
      name: 'anneal',
      version: '2',
      extensions: ['binary_tensor_data', 'model_repository', 'schedule_policy'],
    });
    const overHttp = (await (await fetch(`${serving.url}/v2/models/tiny`)).json()) as object;
    const overGrpc = await call(inference.ModelMetadata, { name: 'tiny' });
    const plain = JSON.parse(JSON.stringify(overGrpc), (key, value: unknown) =>
      key === 'shape' ? (value as unknown[]).map(Number) : value,
    ) as object;
    expect(plain).toEqual(overHttp);
  });

  it('infers on raw bytes, and answers in raw bytes', async () => {
    const response = await infer({ id: 'g1', inputs: tensors, raw_input_contents: raw });
    expect(response).toMatchObject({
      model_version: '1',
      id: 'g1',
      outputs: [
        { name: 'probabilities', datatype: 'FP32', contents: null },
        { name: 'class_index', datatype: 'INT64', contents: null },
      ],
    });
    const [probabilities, classIndex] = response.raw_output_contents.map((bytes) => new Uint8Array(bytes).buffer);
    expect([...new Float32Array(probabilities)].filter((_, i) => i % 2 === 1)).toEqual(late.map((value) => expect.closeTo(value, 6)));
    expect(new BigInt64Array(classIndex)).toEqual(BigInt64Array.of(1n, 0n));
  });

  it('infers on typed contents, and answers in typed contents', async () => {
    const response = await infer({ inputs: typed, outputs: [{ name: 'probabilities' }], model_version: '1' });
    expect(response.raw_output_contents).toEqual([]);
    expect(response.outputs.map(({ name }) => name)).toEqual(['probabilities']);
    const values = response.outputs[0].contents!.fp32_contents;
    expect([values[1], values[3]]).toEqual(late.map((value) => expect.closeTo(value, 6)));
  });

  it.each([
    ['another model', { model_name: 'SECRET', inputs: typed }, status.NOT_FOUND, 'serves tiny'],
    ['another version', { model_version: '9', inputs: typed }, status.NOT_FOUND, 'no such version'],
    ['an unknown input', { inputs: [{ ...typed[0], name: 'SECRET' }] }, status.INVALID_ARGUMENT, 'origin, date, distance'],
    ['an unknown output', { inputs: typed, outputs: [{ name: 'SECRET' }] }, status.INVALID_ARGUMENT, 'probabilities, class_index'],
    ['a missing input', { inputs: typed.slice(0, 2) }, status.INVALID_ARGUMENT, '"distance" is missing'],
    [
      'fewer raw contents than inputs',
      { inputs: tensors, raw_input_contents: raw.slice(1) },
      status.INVALID_ARGUMENT,
      '2 "raw_input_contents"',
    ],
    ['raw and typed contents', { inputs: typed, raw_input_contents: raw }, status.INVALID_ARGUMENT, 'no "contents"'],
    ['contents of another type', { inputs: [{ ...typed[0], contents: contents[1] }] }, status.INVALID_ARGUMENT, '"bytes_contents"'],
    ['typed contents of FP16', { inputs: [{ ...typed[2], datatype: 'FP16' }] }, status.INVALID_ARGUMENT, 'raw_input_contents'],
    ['too many rows', { inputs: [{ ...typed[0], shape: [51] }] }, status.INVALID_ARGUMENT, 'more than 50'],
    ['a negative shape', { inputs: [{ ...typed[0], shape: [-1] }] }, status.INVALID_ARGUMENT, 'the shape'],
    [
      'a timeout in words',
      { inputs: typed, parameters: { timeout: { string_param: 'soon' } } },
      status.INVALID_ARGUMENT,
      'The parameter "timeout" is "soon": give a whole number',
    ],
    ['too large a message', { inputs: typed, raw_input_contents: [Buffer.alloc(21_000)] }, status.RESOURCE_EXHAUSTED, ''],
  ])('refuses %s', async (_name, message, code, words) => {
    const error = await refusal(message);
    expect(error).toMatchObject({ code, details: expect.stringContaining(words) });
    expect(error!.details).not.toContain('SECRET');
  });

  it.each([
    ['ModelInfer', inference.ModelInfer, false],
    ['ModelMetadata', inference.ModelMetadata, false],
    ['Check of its health', health.Check, false],
    ['Watch of its health', health.Watch, true],
  ])('says of bytes that are no message for %s that they are none', async (_name, { path, responseDeserialize }, isStream) => {
    // A field of a length that is longer than what follows.
    const serialize = () => Buffer.from([0x0a, 0x7f, 0x41]);
    const error = await new Promise<ServiceError | null>((resolve) => {
      if (!isStream) client.makeUnaryRequest(path, serialize, responseDeserialize, {}, resolve);
      else client.makeServerStreamRequest(path, serialize, responseDeserialize, {}).on('error', resolve).resume();
    });
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('no message of the type') });
  });

  it.each(['tiny', 'nothing'])('refuses to unload the model %s, and goes on serving', async (model_name) => {
    await expect(call(inference.RepositoryModelUnload, { model_name })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining('decided by promotions'),
    });
    expect(await call(inference.ModelReady, { name: 'tiny' })).toMatchObject({ ready: true });
  });

  it('counts its requests', async () => {
    const before = /protocol="grpc",status="200"\} (\d+)/;
    const count = async () => Number(before.exec(await (await fetch(`${serving.url}/metrics`)).text())?.[1] ?? 0);
    const first = await count();
    await infer({ inputs: typed });
    expect((await count()) - first).toBe(1);
  });

  it('answers on one version or the next while versions change, and finishes its calls when it drains', async () => {
    const ask = async () => (await infer({ inputs: tensors, raw_input_contents: raw })).model_version;
    const answered = await underLoad(8, ask, async () => {
      for (let epoch = 2; epoch < 8; epoch++) {
        const version = epoch % 2 ? '1' : '2';
        await serving.stage('tiny', version, writeTinyVersion(join(directory, version), { bias: epoch }));
        await serving.command('activate', { model: 'tiny', version, epoch });
      }
    });
    expect(new Set(answered)).toEqual(new Set(['1', '2']));

    const watched: number[] = [];
    const watch = client.makeServerStreamRequest(health.Watch.path, health.Watch.requestSerialize, health.Watch.responseDeserialize, {});
    const watchEnded = new Promise((resolve) => watch.on('end', resolve));
    await new Promise<void>((resolve) =>
      watch.on('data', (message: { status: number }) => {
        watched.push(message.status);
        resolve();
      }),
    );
    const inFlight = Array.from({ length: 16 }, () => infer({ inputs: tensors, raw_input_contents: raw }));
    await inFlight[0];
    await serving.command('drain', null);
    await watchEnded;
    expect(watched).toEqual([1, 2]);
    const outcomes = await Promise.allSettled(inFlight);
    expect(outcomes.filter(({ status: outcome }) => outcome === 'rejected')).toEqual([]);
    expect(await refusal({ inputs: typed })).toMatchObject({ code: status.UNAVAILABLE });
    expect(await serving.stop()).toBe(0);
  });
});

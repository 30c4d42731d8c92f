import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OtlpReceiver, type ReceivedSpan } from '../../testing/otlp-receiver.js';
import { inferenceServiceName } from '../grpc/grpc-server.js';
import { loadService } from '../grpc/service-definition.js';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const row = { origin: 'SFO', date: 0, distance: 100 };
const traceId = '0af7651916cd43dd8448eb211c80319c';
const callerId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${callerId}-01`;
const { ModelInfer } = loadService('./inference.proto', inferenceServiceName);

describe('a serving process with an endpoint for spans', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-tracing-'));
  let receiver: OtlpReceiver;
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let grpc: Client | undefined;
  beforeAll(async () => {
    receiver = await OtlpReceiver.listen();
    serving = await startServingProcess({}, [], {
      executors: { placement: 'executor-process' },
      start: { tracing: { instanceId: 'host-1' } },
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=flights',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_TRACES_SAMPLER: 'parentbased_always_on',
      },
    });
    await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0, failsBeyond: 100_000 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    grpc = new Client(serving.grpcAddress, credentials.createInsecure());
  });
  afterAll(async () => {
    grpc?.close();
    await serving?.stop();
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(serving.url + path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
  const below = (parent: ReceivedSpan) =>
    receiver.spans.filter((span) => span.parentSpanId === parent.spanId && span.traceId === parent.traceId);
  const named = (name: string) => receiver.spans.filter((span) => span.name === name);

  it("continues the caller's trace with a server span, and shows queue and execution below it", async () => {
    const answer = await post('/v1/models/tiny:predict', { instances: [row, row] }, { traceparent });
    expect(answer.status).toBe(200);
    const server = await receiver.until(({ name }) => name === 'POST /v1/models/{name}:predict');
    expect(server).toMatchObject({
      traceId,
      parentSpanId: callerId,
      kind: 2,
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/models/{name}:predict',
        'http.response.status_code': 200,
        'url.path': '/v1/models/tiny:predict',
        'url.scheme': 'http',
        'client.address': '127.0.0.1',
        'anneal.model.name': 'tiny',
        'anneal.model.version': '1',
        'anneal.rows': 2,
      },
      resource: { 'service.name': 'anneal-inference', 'service.instance.id': 'host-1', 'deployment.environment.name': 'test' },
    });
    await receiver.until(({ name }) => name === 'execute');
    const [queue, execute] = ['queue', 'execute'].map((name) => below(server).find((span) => span.name === name)!);
    expect(execute.attributes).toMatchObject({ 'anneal.batch.rows': 2, 'anneal.batch.requests': 1 });
    expect(queue.startMs).toBeGreaterThanOrEqual(server.startMs);
    expect(execute.startMs).toBeCloseTo(queue.endMs, 3);
    expect(execute.endMs).toBeGreaterThan(execute.startMs);
    expect(execute.endMs).toBeLessThanOrEqual(server.endMs);
    expect(receiver.headers['x-tenant']).toBe('flights');
  });

  it('traces tensors over HTTP and gRPC by the conventions of each', async () => {
    const inputs = [
      { name: 'origin', shape: [1], datatype: 'BYTES', data: ['SFO'] },
      { name: 'date', shape: [1], datatype: 'INT64', data: [0] },
      { name: 'distance', shape: [1], datatype: 'FP64', data: [1] },
    ];
    expect((await post('/v2/models/tiny/versions/1/infer', { inputs }, { traceparent })).status).toBe(200);
    expect(await receiver.until(({ name }) => name === 'POST /v2/models/{name}/versions/{version}/infer')).toMatchObject({
      traceId,
      kind: 2,
    });

    const metadata = new Metadata();
    metadata.set('traceparent', traceparent);
    const call = (request: object) =>
      new Promise<ServiceError | null>((resolve) => {
        grpc!.makeUnaryRequest(ModelInfer.path, ModelInfer.requestSerialize, ModelInfer.responseDeserialize, request, metadata, (error) =>
          resolve(error),
        );
      });
    const tensors = [
      { name: 'origin', shape: [1], datatype: 'BYTES', contents: { bytes_contents: [Buffer.from('SFO')] } },
      { name: 'date', shape: [1], datatype: 'INT64', contents: { int64_contents: [0] } },
      { name: 'distance', shape: [1], datatype: 'FP64', contents: { fp64_contents: [1] } },
    ];
    expect(await call({ model_name: 'tiny', inputs: tensors })).toBeNull();
    const isCall = ({ name }: ReceivedSpan) => name === 'inference.GRPCInferenceService/ModelInfer';
    expect(await receiver.until(isCall)).toMatchObject({
      traceId,
      parentSpanId: callerId,
      kind: 2,
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': 'inference.GRPCInferenceService',
        'rpc.method': 'ModelInfer',
        'rpc.grpc.status_code': 0,
        'anneal.rows': 1,
      },
    });
    expect(await call({ model_name: 'unheard-of', inputs: tensors })).not.toBeNull();
    expect(await receiver.until((span) => isCall(span) && span.attributes['rpc.grpc.status_code'] === 5)).toMatchObject({ status: 0 });
  });

  it('goes on below the activity that asks', async () => {
    await serving.command('predict', { model: 'tiny', instances: [row], trace: { traceparent } });
    expect(await receiver.until(({ name }) => name === 'predict')).toMatchObject({
      traceId,
      parentSpanId: callerId,
      attributes: { 'anneal.rows': 1 },
    });
  });

  it('tells refusals from failures', async () => {
    const statusOf = async (status: number) => receiver.until(({ attributes }) => attributes['http.response.status_code'] === status);
    expect((await post('/v1/models/tiny:predict', { instances: [{ ...row, distance: 'far' }] })).status).toBe(400);
    expect((await statusOf(400)).status).toBe(0);
    expect((await post('/v1/models/tiny:predict', { instances: [{ ...row, distance: 200_000 }] })).status).toBe(500);
    expect(await statusOf(500)).toMatchObject({ status: 2, parentSpanId: '', attributes: { 'error.type': '500' } });
  });

  it('links the requests that shared a batch', async () => {
    const sent = Array.from({ length: 60 }, () => post('/v1/models/tiny:predict', { instances: [row] }));
    for (const answer of await Promise.all(sent)) expect(answer.status).toBe(200);
    const isShared = (span: ReceivedSpan) => span.name === 'execute' && Number(span.attributes['anneal.batch.requests']) > 1;
    const lead = await receiver.until(
      (span) => isShared(span) && span.links.length === Number(span.attributes['anneal.batch.requests']) - 1,
    );
    const others = () => named('execute').filter((span) => span.links.some(({ spanId }) => spanId === lead.spanId));
    await receiver.until(() => others().length === lead.links.length);
    expect(
      others()
        .map(({ parentSpanId }) => parentSpanId)
        .sort(),
    ).toEqual(lead.links.map(({ spanId }) => spanId).sort());
  });

  it('leaves out what the caller does not sample, and requests that predict nothing', async () => {
    await post(
      '/v1/models/tiny:predict',
      { instances: [row] },
      { traceparent: traceparent.replace(/01$/, '00'), 'user-agent': 'unsampled' },
    );
    await fetch(`${serving.url}/v2/health/ready`);
    await fetch(`${serving.url}/metrics`);
    await post('/v1/models/tiny:predict', { instances: [row] }, { 'user-agent': 'last' });
    const agents = () => receiver.spans.map(({ attributes }) => attributes['user_agent.original']);
    await receiver.until(({ attributes }) => attributes['user_agent.original'] === 'last');
    expect(agents()).not.toContain('unsampled');
    expect(receiver.spans.filter(({ name }) => !/infer|predict|queue|execute/i.test(name))).toEqual([]);
  });

  it('serves on while nobody takes spans, and sends what waits before it ends', async () => {
    receiver.status = 503;
    for (let i = 0; i < 20; i++) expect((await post('/v1/models/tiny:predict', { instances: [row] })).status).toBe(200);
    receiver.status = 200;
    expect((await post('/v1/models/tiny:predict', { instances: [row, row, row] })).status).toBe(200);
    await serving.command('drain', null);
    expect(named('POST /v1/models/{name}:predict').some(({ attributes }) => attributes['anneal.rows'] === 3)).toBe(true);
  });
});

it('loads nothing of OpenTelemetry that makes or sends spans in a process without an endpoint', () => {
  const code = `await import('./serving/serving-host.ts');
    const { createRequire } = await import('node:module');
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('node_modules'))));`;
  const loaded = JSON.parse(
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      cwd: new URL('../..', import.meta.url),
      encoding: 'utf8',
    }),
  ) as string[];
  expect(loaded.some((path) => path.includes('prom-client'))).toBe(true);
  // prom-client looks into the API for the span at hand.
  expect(loaded.filter((path) => /@opentelemetry\/(?!api\/)/.test(path))).toEqual([]);
});

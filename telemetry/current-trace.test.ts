import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { context, trace } from '@opentelemetry/api';
import { createInferenceClient } from '../serving/client/inference-client.js';
import { currentTrace } from './current-trace.js';
import { startTracing, type Tracing } from './start-tracing.js';

describe('the context of the span at hand', () => {
  const heard: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    heard.push(request.headers);
    response.end(JSON.stringify({ model: 'm', version: '1', predictions: [] }));
  });
  let tracing: Tracing | undefined;
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(async () => {
    await tracing?.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('is nothing in a program that does not trace, and stands in the requests of the client of one that does', async () => {
    const client = createInferenceClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await client.predict('m', []);
    expect(heard[0].traceparent).toBeUndefined();

    tracing = startTracing({ serviceName: 'test', onProblem: () => undefined });
    const span = tracing.tracer.startSpan('caller');
    const { traceId, spanId } = span.spanContext();
    await context.with(trace.setSpan(context.active(), span), () => client.predict('m', []));
    expect(heard[1].traceparent).toBe(`00-${traceId}-${spanId}-01`);
    expect(await currentTrace()).toEqual({});
  });
});

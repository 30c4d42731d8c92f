import type { IncomingMessage } from 'node:http';
import { badRequest, HttpError } from './http-error.js';
import type { Protocol, ServingMetrics } from './metrics.js';
import type { ModelRegistry } from './model-registry.js';
import { inferTensors, modelMetadata, serverMetadata } from './oip.js';
import { isObject } from './oip-input.js';
import { predictRows } from './predictions.js';
import { readJsonBody, readOptionalJsonBody, readTensorBody } from './request-body.js';

export interface RouteContext {
  readonly registry: ModelRegistry;
  readonly metrics: ServingMetrics;
  readonly maxBodyBytes: number;
  readonly maxRows: number;
  /** False while the process drains. */
  readonly accepting: () => boolean;
}

export interface Answer {
  readonly status: number;
  /** A buffer is sent as it is, anything else as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Version that predicted. */
  readonly version?: string;
}

interface Target {
  readonly model: string;
  readonly version?: string;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly pattern: RegExp;
  /** Of a route that predicts: its requests are counted. */
  readonly protocol?: Protocol;
  readonly answer: (context: RouteContext, target: Target, request: IncomingMessage) => Answer | Promise<Answer>;
}

const name = '([^/:]+)';
const version = '(?:/versions/([^/:]+))?';

const ok = (body: unknown): Answer => ({ status: 200, body });
const withBinary = (response: unknown, binary: readonly Buffer[]): Answer => {
  const json = Buffer.from(JSON.stringify(response));
  return {
    status: 200,
    body: Buffer.concat([json, ...binary]),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': json.length },
  };
};
const ready = (isReady: boolean, body: Readonly<Record<string, unknown>>): Answer => ({ status: isReady ? 200 : 503, body });

const routes: readonly Route[] = [
  {
    method: 'POST',
    pattern: new RegExp(`^/v1/models/${name}${version}:predict$`),
    protocol: 'rows',
    answer: async ({ registry, maxBodyBytes, maxRows }, target, request) => {
      const body = await readJsonBody(request, maxBodyBytes);
      if (!isObject(body)) throw badRequest('The body must be a JSON object: {"instances": [{"<column>": <value>, …}]}.');
      const result = await predictRows(registry, { ...target, instances: body.instances }, maxRows);
      return { ...ok(result), version: result.version };
    },
  },
  {
    method: 'POST',
    pattern: new RegExp(`^/v2/models/${name}${version}/infer$`),
    protocol: 'oip',
    answer: async ({ registry, maxBodyBytes, maxRows }, target, request) => {
      const { response, binary } = await inferTensors(registry, target, await readTensorBody(request, maxBodyBytes), maxRows);
      return { ...(binary.length === 0 ? ok(response) : withBinary(response, binary)), version: response.model_version };
    },
  },
  {
    method: 'GET',
    pattern: /^\/metrics$/,
    answer: async ({ metrics }) => ({
      status: 200,
      body: Buffer.from(await metrics.text()),
      headers: { 'content-type': metrics.contentType },
    }),
  },
  { method: 'GET', pattern: /^\/v1\/models$/, answer: ({ registry }) => ok({ models: registry.list() }) },
  {
    method: 'GET',
    pattern: /^\/v2$/,
    answer: () => ok(serverMetadata),
  },
  {
    method: 'POST',
    pattern: /^\/v2\/repository\/index$/,
    answer: async ({ registry, maxBodyBytes }, _target, request) => {
      const body = (await readOptionalJsonBody(request, maxBodyBytes)) ?? {};
      if (!isObject(body)) throw badRequest('The body must be empty or a JSON object: {"ready": true} for the loaded versions alone.');
      return ok(registry.index().filter((entry) => body.ready !== true || entry.state === 'READY'));
    },
  },
  { method: 'GET', pattern: /^\/v2\/health\/live$/, answer: () => ok({ live: true }) },
  {
    method: 'GET',
    pattern: /^\/v2\/health\/ready$/,
    answer: ({ registry, accepting }) => {
      const isReady = accepting() && registry.isReady;
      return ready(isReady, { ready: isReady });
    },
  },
  {
    method: 'GET',
    pattern: new RegExp(`^/v2/models/${name}${version}/ready$`),
    answer: ({ registry, accepting }, target) => {
      const served = registry.resolve(target.model, target.version);
      return ready(accepting(), { name: served.name, version: served.version, ready: accepting() });
    },
  },
  {
    method: 'GET',
    pattern: new RegExp(`^/v2/models/${name}${version}$`),
    answer: ({ registry }, target) => {
      const served = registry.resolve(target.model, target.version);
      return ok(modelMetadata(served, registry.versions(served.name)));
    },
  },
];

/**
 * Answer one request.
 *
 * @throws HttpError 404 for a path that is none of ours, 405 for another method, and what the routes themselves refuse
 */
export async function answerRequest(context: RouteContext, request: IncomingMessage): Promise<Answer> {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const allowed: string[] = [];
  for (const route of routes) {
    const match = route.pattern.exec(path);
    if (!match) continue;
    if (route.method !== method) {
      allowed.push(route.method);
      continue;
    }
    const target: Target = { model: decode(match[1]) ?? '', version: decode(match[2]) };
    const answer = () => route.answer(context, target, request);
    return route.protocol ? context.metrics.measure(route.protocol, target, answer) : answer();
  }
  if (allowed.length > 0) throw new HttpError(405, `This path takes ${allowed.join(', ')}.`, { allow: allowed.join(', ') });
  throw new HttpError(
    404,
    'There is nothing at this path. POST /v1/models/<name>:predict answers rows, /v2 is the Open Inference Protocol, GET /v1/models lists what is served, GET /metrics is for Prometheus.',
  );
}

function decode(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest('The path is not a valid URL: a percent sign must be followed by two hexadecimal digits of UTF-8.');
  }
}

import type { ServerResponse } from 'node:http';
import type { ProcessPlaces } from '../../contracts/serving-places.js';
import type { Degradation } from '../../contracts/serving.js';
import type { AccessControl } from '../access.js';
import { badRequest, HttpError } from './http-error.js';
import { metricsContentType, type Protocol, type ServingMetrics } from '../metrics/metrics.js';
import type { ModelRegistry } from '../model-registry.js';
import { inferTensors, modelMetadata, serverMetadata, type TensorResult } from '../oip/oip.js';
import { isObject } from '../oip/oip-input.js';
import { computeRows } from '../predictions.js';
import { readJsonBody, readOptionalJsonBody, readTensorBody } from './request-body.js';
import { confirmLoaded, refuseUnload } from '../oip/repository.js';
import { openApiDocument } from './openapi.js';
import { plainRequestId } from './request-id.js';
import { OverloadedError, type RequestTerms } from '../request-terms.js';
import { rowsJson } from './rows-json.js';
import type { ServedRequest } from '../served-request.js';
import { termsOfRequest } from './terms-of-request.js';
import type { ServingTracer } from '../tracing/serving-tracer.js';

export interface RouteContext {
  readonly registry: ModelRegistry;
  readonly metrics: ServingMetrics;
  readonly metricsText: () => Promise<string>;
  /** Of all serving processes of the host. */
  readonly places: () => Promise<readonly ProcessPlaces[]>;
  readonly maxBodyBytes: number;
  readonly maxRows: number;
  /** Requests for predictions that are being answered; beyond the limit they are refused before they are read. */
  readonly load: { inFlight: number; readonly maxInFlight: number };
  /** Absent: whoever reaches the host may ask. */
  readonly access?: AccessControl;
  /** Absent: no spans are made. */
  readonly tracer?: ServingTracer;
  /** False while the process drains. */
  readonly accepting: () => boolean;
}

export interface Answer {
  readonly status: number;
  /** A buffer is sent as it is, and so is a string, which is JSON already; anything else becomes JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Version that predicted. */
  readonly version?: string;
  readonly degraded?: Degradation;
}

interface Target {
  readonly model: string;
  readonly version?: string;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly pattern: RegExp;
  /** Needs no token: load balancers and orchestrators have none. */
  readonly isOpen?: true;
  /** The path names a label instead of a version. */
  readonly isLabel?: true;
  /** Of a route that predicts: its requests are counted. */
  readonly protocol?: Protocol;
  readonly answer: (context: RouteContext, target: Target, request: ServedRequest, response: ServerResponse) => Answer | Promise<Answer>;
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
/** Says in the answer, and to the metrics, what answered instead, and how many rows are unlike the training rows. */
const marked = (answer: Answer, { degraded, anomalous }: Pick<TensorResult, 'degraded' | 'anomalous'>): Answer => {
  if (!degraded && !anomalous) return answer;
  const headers = {
    ...answer.headers,
    ...(degraded ? { 'x-anneal-degraded': degraded } : {}),
    ...(anomalous ? { 'x-anneal-anomalous': anomalous.length } : {}),
  };
  return { ...answer, ...(degraded ? { degraded } : {}), headers };
};
const ready = (isReady: boolean, body: Readonly<Record<string, unknown>>): Answer => ({ status: isReady ? 200 : 503, body });

const routes: readonly Route[] = [
  {
    method: 'POST',
    pattern: new RegExp(`^/v1/models/${name}${version}:predict$`),
    protocol: 'rows',
    answer: async ({ registry, maxBodyBytes, maxRows }, target, request, response) => {
      const body = await readJsonBody(request, maxBodyBytes);
      if (!isObject(body)) throw badRequest('The body must be a JSON object: {"instances": [{"<column>": <value>, …}]}.');
      const terms = termsOfBody(body, request, response);
      const { model, version: answered } = target;
      const rows = await computeRows(registry, model, answered, body.instances, maxRows, terms);
      return marked({ status: 200, body: rowsJson(model, rows), version: rows.version }, rows);
    },
  },
  {
    method: 'POST',
    pattern: new RegExp(`^/v1/models/${name}/labels/([^/:]+):predict$`),
    protocol: 'rows',
    isLabel: true,
    answer: (context, target, request, response) => routes[0].answer(context, target, request, response),
  },
  {
    method: 'POST',
    pattern: new RegExp(`^/v2/models/${name}${version}/infer$`),
    protocol: 'oip',
    answer: async ({ registry, maxBodyBytes, maxRows }, target, request, response) => {
      const body = await readTensorBody(request, maxBodyBytes);
      const own = request.headers['x-request-id'] === undefined && isObject(body.json) ? plainRequestId(body.json.id) : undefined;
      if (own !== undefined) request.id = own;
      const terms = termsOfBody(body.json, request, response);
      const inferred = await inferTensors(registry, target, body, maxRows, terms);
      const { response: answer, binary } = inferred;
      const sent = binary.length === 0 ? ok(answer) : withBinary(answer, binary);
      return marked({ ...sent, version: answer.model_version }, inferred);
    },
  },
  {
    method: 'GET',
    pattern: /^\/metrics$/,
    answer: async ({ metricsText }) => ({
      status: 200,
      body: Buffer.from(await metricsText()),
      headers: { 'content-type': metricsContentType },
    }),
  },
  { method: 'GET', pattern: /^\/v1\/executors$/, answer: async ({ places }) => ok({ processes: await places() }) },
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
      return ok(registry.index(body.ready === true));
    },
  },
  {
    method: 'POST',
    pattern: new RegExp(`^/v2/repository/models/${name}/load$`),
    answer: ({ registry }, target) => ok(confirmLoaded(registry, target.model)),
  },
  { method: 'POST', pattern: new RegExp(`^/v2/repository/models/${name}/unload$`), answer: () => refuseUnload() },
  { method: 'GET', pattern: /^\/openapi\.json$/, answer: ({ registry }) => ok(openApiDocument(registry)) },
  { method: 'GET', pattern: /^\/v2\/health\/live$/, isOpen: true, answer: () => ok({ live: true }) },
  {
    method: 'GET',
    pattern: /^\/v2\/health\/ready$/,
    isOpen: true,
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
      const isReady = accepting() && !served.executor.isDown;
      return ready(isReady, { name: served.name, version: served.version, ready: isReady });
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

interface Found {
  readonly route: Route;
  readonly target: Target;
}

/** Routes of the paths that were asked for last. A client repeats its path with each request, and matching costs more than the rest. */
const found = { GET: new Map<string, Found>(), POST: new Map<string, Found>() };
const maxFound = 256;

/**
 * Answer one request.
 *
 * @throws HttpError 404 for a path that is none of ours, 405 for another method, and what the routes themselves refuse
 */
export function answerRequest(context: RouteContext, request: ServedRequest, response: ServerResponse): Answer | Promise<Answer> {
  const { route, target: named } = findRoute(request.method ?? '', request.url ?? '/');
  if (context.access && !route.isOpen) context.access.check(request.headers.authorization, named.model || undefined);
  // What a label stands for changes, the path does not.
  const target = route.isLabel ? { ...named, version: context.registry.resolveLabel(named.model, named.version ?? '').version } : named;
  const { tracer } = context;
  const { protocol } = route;
  if (!protocol) return route.answer(context, target, request, response);
  request.target = target;
  if (!tracer) return predict(context, protocol, route, target, request, response);
  return tracer.http(request, routeTemplate(route, named), target, () => predict(context, protocol, route, target, request, response));
}

/** The path with names in place of what it asks for: few of them, whatever clients send. */
function routeTemplate({ protocol, isLabel }: Route, { version: asked }: Target): string {
  const of = asked === undefined ? '' : isLabel ? '/labels/{label}' : '/versions/{version}';
  return protocol === 'oip' ? `/v2/models/{name}${of}/infer` : `/v1/models/{name}${of}:predict`;
}

function findRoute(method: string, url: string): Found {
  const ofMethod = method === 'POST' ? found.POST : method === 'GET' ? found.GET : undefined;
  const known = ofMethod?.get(url);
  if (known) return known;
  const matched = matchRoute(method === 'HEAD' ? 'GET' : method, url);
  if (ofMethod && ofMethod.size >= maxFound) ofMethod.clear();
  if (url.length < 512) ofMethod?.set(url, matched);
  return matched;
}

function matchRoute(method: string, url: string): Found {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const allowed: string[] = [];
  for (const route of routes) {
    const match = route.pattern.exec(path);
    if (!match) continue;
    if (route.method === method) return { route, target: { model: decode(match[1]) ?? '', version: decode(match[2]) } };
    allowed.push(route.method);
  }
  if (allowed.length > 0) throw new HttpError(405, `This path takes ${allowed.join(', ')}.`, { allow: allowed.join(', ') });
  throw new HttpError(
    404,
    'There is nothing at this path. POST /v1/models/<name>:predict answers rows, /v2 is the Open Inference Protocol, GET /v1/models lists what is served, GET /metrics is for Prometheus.',
  );
}

/** Counts the request and its time, whatever becomes of it. */
async function predict(
  context: RouteContext,
  protocol: Protocol,
  route: Route,
  target: Target,
  request: ServedRequest,
  response: ServerResponse,
): Promise<Answer> {
  const { load, metrics } = context;
  const startedAt = performance.now();
  // Before the body is read: what is shed must cost little.
  const isShed = load.inFlight >= load.maxInFlight || isOverloaded(context.registry, target);
  load.inFlight++;
  try {
    if (isShed) throw new OverloadedError();
    const answer = await route.answer(context, target, request, response);
    metrics.answered(protocol, target, answer, startedAt);
    return answer;
  } catch (error) {
    metrics.failed(protocol, target, error, startedAt);
    throw error;
  } finally {
    load.inFlight--;
  }
}

/** One that can be answered otherwise is read all the same. */
function isOverloaded(registry: ModelRegistry, { model, version }: Target): boolean {
  const executor = registry.peek(model, version)?.executor;
  return executor !== undefined && executor.isFull && !executor.manifest.serving?.degrade;
}

/** A client that goes away while its request waits takes it back. */
function termsOfBody(body: unknown, request: ServedRequest, response: ServerResponse): RequestTerms {
  const parameters = isObject(body) && isObject(body.parameters) ? body.parameters : undefined;
  const terms = termsOfRequest(parameters);
  terms.requestId = request.id;
  const { span } = request;
  if (span) {
    span.setAttribute('anneal.request.id', request.id);
    terms.span = span;
  }
  response.on('close', () => {
    terms.isCancelled = true;
  });
  return terms;
}

function decode(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest('The path is not a valid URL: a percent sign must be followed by two hexadecimal digits of UTF-8.');
  }
}

import type { ServerResponse } from 'node:http';
import type { ProcessPlaces } from '../../contracts/serving-places.js';
import type { Degradation } from '../../contracts/serving.js';
import type { AccessControl } from '../access.js';
import { badRequest } from './http-error.js';
import { metricsContentType, type Protocol, type ServingMetrics } from '../metrics/metrics.js';
import type { ModelRegistry } from '../model-registry.js';
import { inferTensors, modelMetadata, serverMetadata, type TensorResult } from '../oip/oip.js';
import { isObject, parametersOf } from '../oip/oip-input.js';
import { computeBatch, computeRows, type ComputedRows } from '../predictions.js';
import { readPlainRows } from './plain-rows.js';
import { parseJson, readJsonBytes, readOptionalJsonBody, readTensorBody } from './request-body.js';
import { confirmLoaded, refuseUnload } from '../oip/repository.js';
import { describeModel, listModels } from './model-description.js';
import { openApiDocument } from './openapi.js';
import { plainRequestId } from './request-id.js';
import type { RequestTerms } from '../request-terms.js';
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
  /** The body is a string with a character for each of its bytes. */
  readonly isLatin1?: true;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Version that predicted. */
  readonly version?: string;
  readonly degraded?: Degradation;
}

export interface RouteTarget {
  readonly model: string;
  readonly version?: string;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly pattern: RegExp;
  /** Needs no token: load balancers and orchestrators have none. */
  readonly isOpen?: true;
  /** The path names a label instead of a version. */
  readonly isLabel?: true;
  /** Of a route that predicts: its requests are counted. */
  readonly protocol?: Protocol;
  readonly answer: (
    context: RouteContext,
    target: RouteTarget,
    request: ServedRequest,
    response: ServerResponse,
  ) => Answer | Promise<Answer>;
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
const rowsAnswer = (model: string, rows: ComputedRows): Answer =>
  marked({ status: 200, body: rowsJson(model, rows), isLatin1: true, version: rows.version }, rows);
const ready = (isReady: boolean, body: Readonly<Record<string, unknown>>): Answer => ({ status: isReady ? 200 : 503, body });

export const routes: readonly Route[] = [
  {
    method: 'POST',
    pattern: new RegExp(`^/v1/models/${name}${version}:predict$`),
    protocol: 'rows',
    answer: async ({ registry, maxBodyBytes, maxRows }, target, request, response) => {
      const bytes = await readJsonBytes(request, maxBodyBytes);
      const { model, version: asked } = target;
      const served = registry.peek(model, asked);
      const batch = served && readPlainRows(served.executor.manifest, bytes, maxRows);
      if (batch) return rowsAnswer(model, await computeBatch(registry, served, batch, termsOfBody(undefined, request, response)));
      const body = parseJson(bytes);
      if (!isObject(body)) throw badRequest('The body must be a JSON object: {"instances": [{"<column>": <value>, …}]}.');
      const terms = termsOfBody(body, request, response);
      return rowsAnswer(model, await computeRows(registry, model, asked, body.instances, maxRows, terms));
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
  { method: 'GET', pattern: /^\/v1\/models$/, answer: ({ registry }) => ok(listModels(registry)) },
  {
    method: 'GET',
    pattern: new RegExp(`^/v1/models/${name}${version}$`),
    answer: ({ registry }, target) => ok(describeModel(registry, target.model, target.version)),
  },
  {
    method: 'GET',
    pattern: new RegExp(`^/v1/models/${name}/labels/([^/:]+)$`),
    isLabel: true,
    answer: ({ registry }, target) => ok(describeModel(registry, target.model, target.version)),
  },
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
  {
    method: 'GET',
    pattern: /^\/openapi\.json$/,
    answer: ({ registry, access }) => ok(openApiDocument(registry, { hasTokens: access !== undefined })),
  },
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

/** A client that goes away while its request waits takes it back. */
function termsOfBody(body: unknown, request: ServedRequest, response: ServerResponse): RequestTerms {
  const parameters = isObject(body) ? parametersOf(body.parameters, 'a request') : undefined;
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

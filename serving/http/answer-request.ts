import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Protocol } from '../metrics/metrics.js';
import type { ModelRegistry } from '../model-registry.js';
import { OverloadedError } from '../request-terms.js';
import type { ServedRequest } from '../served-request.js';
import { badRequest, HttpError } from './http-error.js';
import { type Answer, type Route, type RouteContext, routes, type RouteTarget } from './routes.js';

interface Found {
  readonly route: Route;
  readonly target: RouteTarget;
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
function routeTemplate({ protocol, isLabel }: Route, { version: asked }: RouteTarget): string {
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
  // As it is sent to a proxy, a server takes it too (RFC 9112, 3.2.2).
  const path = (query < 0 ? url : url.slice(0, query)).replace(/^https?:\/\/[^/]*/i, '');
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
    'There is nothing at this path. POST /v1/models/<name>:predict answers rows, /v2 is the Open Inference Protocol, GET /v1/models lists what is served, GET /v1/models/<name> says what it takes, GET /metrics is for Prometheus.',
  );
}

/** Counts the request and its time, whatever becomes of it. */
async function predict(
  context: RouteContext,
  protocol: Protocol,
  route: Route,
  target: RouteTarget,
  request: ServedRequest,
  response: ServerResponse,
): Promise<Answer> {
  const { load, metrics } = context;
  const startedAt = performance.now();
  // What is shed must cost little: before the body is read, or, since a priority stands in it, before it is parsed.
  const isBeyond = load.inFlight >= load.maxInFlight;
  request.isSurplus = !isBeyond && isOverloaded(context.registry, target);
  load.inFlight++;
  try {
    // Who waits to be asked for the body would be asked for nothing.
    if (isBeyond || (request.isSurplus && request.askForBody)) throw new OverloadedError();
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
function isOverloaded(registry: ModelRegistry, { model, version }: RouteTarget): boolean {
  const executor = registry.peek(model, version)?.executor;
  return executor !== undefined && executor.isFull && !executor.manifest.serving?.degrade;
}

function decode(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest('The path is not a valid URL: a percent sign must be followed by two hexadecimal digits of UTF-8.');
  }
}

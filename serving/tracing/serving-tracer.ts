import type { Metadata } from '@grpc/grpc-js';
import { detectResourcesSync, envDetectorSync, Resource } from '@opentelemetry/resources';
import { clientClosedRequest, statusOfError } from '../answer-status.js';
import type { Answered, Target } from '../metrics/metrics.js';
import type { BatchedRequest } from '../batching/micro-batcher-options.js';
import type { ServedRequest } from '../served-request.js';
import { parentReader, type ReadParent } from './read-parent.js';
import { type Sampler, samplerOf } from './sampler.js';
import { SpanClock } from './span-clock.js';
import { SpanExporter } from './span-exporter.js';
import { newSpanId, newTraceId } from './span-ids.js';
import { RequestSpan, type SpanAttribute, type SpanIds, spanKinds, type SpanRecord } from './span-record.js';
import type { TraceParent } from './trace-parent.js';

export interface ServingTracerOptions {
  /** `OTEL_SERVICE_NAME` overrides it. */
  readonly serviceName: string;
  readonly instanceId: string;
  /** Spans that could not be sent; told at most once a minute. */
  readonly onProblem: (message: string) => void;
}

/** What a request is in the terms of its protocol. */
interface Operation {
  readonly name: string;
  readonly kind: SpanRecord['kind'];
  readonly attributes: readonly SpanAttribute[];
  /** Of the status, once it is known; by the number that the protocol itself uses. */
  readonly outcome: (httpStatus: number) => { readonly attribute?: SpanAttribute; readonly isError: boolean };
}

const httpStatusAttribute = 'http.response.status_code';
/** By gRPC's conventions these are failures of the server: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const grpcServerErrors: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);
const inferMethod = { service: 'inference.GRPCInferenceService', method: 'ModelInfer' } as const;

/**
 * Spans of the requests for predictions of one serving process: one for each request, with the caller's context as its parent, and
 * below it the time in the queue and in the batch.
 *
 * A request that is not sampled costs the decision, one that is an object for each span; they are written down and sent by `SpanExporter`.
 *
 * Of the requests that share a batch, the `execute` span of the first one is linked with the other requests, theirs with it.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 * @see https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
 */
export class ServingTracer {
  // The SDK's own clock gives each span an offset of its own, up to a millisecond apart.
  readonly #clock = new SpanClock();

  private constructor(
    private readonly exporter: SpanExporter,
    private readonly sampler: Sampler,
    private readonly readParent: ReadParent,
  ) {}

  /** Sampler, propagators, limits and the collector's address are read from OpenTelemetry's variables. */
  static async start({ serviceName, instanceId, onProblem }: ServingTracerOptions, env = process.env): Promise<ServingTracer> {
    const own = new Resource({ 'service.name': serviceName, 'service.instance.id': instanceId });
    const { attributes } = Resource.default()
      .merge(own)
      .merge(detectResourcesSync({ detectors: [envDetectorSync] }));
    const resource = Object.entries(attributes).map(([key, value]): SpanAttribute => [
      key,
      typeof value === 'number' ? value : String(value),
    ]);
    return new ServingTracer(new SpanExporter({ resource, env, onProblem }), samplerOf(env), await parentReader(env));
  }

  /**
   * @param route as the documentation writes it: `/v1/models/{name}:predict`
   * @throws what `work` throws
   */
  http<T extends Answered>(request: ServedRequest, route: string, target: Target, work: () => Promise<T>): Promise<T> {
    const { headers, socket } = request;
    const parent = this.readParent((name) => headers[name] as string | undefined);
    if (!this.#takes(parent)) return work();
    const url = request.url ?? '/';
    const query = url.indexOf('?');
    const agent = headers['user-agent'];
    const address = socket.remoteAddress;
    const operation: Operation = {
      name: `${request.method} ${route}`,
      kind: spanKinds.server,
      attributes: [
        ['http.request.method', request.method ?? ''],
        ['http.route', route],
        ['url.path', query < 0 ? url : url.slice(0, query)],
        ['url.scheme', 'encrypted' in socket ? 'https' : 'http'],
        ['network.protocol.version', request.httpVersion],
        ...(address === undefined ? [] : [['client.address', address] as const]),
        ...(agent === undefined ? [] : [['user_agent.original', agent] as const]),
      ],
      outcome: httpOutcome,
    };
    return this.#trace(operation, parent, target, (span) => {
      request.span = span;
      return work();
    });
  }

  /**
   * @param grpcStatus of an HTTP status
   * @param work is given the span of a request that is sampled
   */
  grpc<T extends Answered>(
    metadata: Metadata,
    target: Target,
    grpcStatus: (httpStatus: number) => number,
    work: (span: RequestSpan | undefined) => Promise<T>,
  ): Promise<T> {
    const parent = this.readParent((name) => {
      const [value] = metadata.get(name);
      return value === undefined ? undefined : String(value);
    });
    if (!this.#takes(parent)) return work(undefined);
    const operation: Operation = {
      name: `${inferMethod.service}/${inferMethod.method}`,
      kind: spanKinds.server,
      attributes: [
        ['rpc.system', 'grpc'],
        ['rpc.service', inferMethod.service],
        ['rpc.method', inferMethod.method],
      ],
      outcome: (httpStatus) => {
        const code = grpcStatus(httpStatus);
        return { attribute: ['rpc.grpc.status_code', code], isError: grpcServerErrors.has(code) };
      },
    };
    return this.#trace(operation, parent, target, work);
  }

  /** For the `predict` activity, whose own span is the parent. */
  activity<T extends Answered>(
    carrier: Readonly<Record<string, string>>,
    target: Target,
    work: (span: RequestSpan | undefined) => Promise<T>,
  ): Promise<T> {
    const parent = this.readParent((name) => carrier[name]);
    if (!this.#takes(parent)) return work(undefined);
    const operation: Operation = {
      name: 'predict',
      kind: spanKinds.internal,
      attributes: [],
      outcome: (status) => ({ isError: status >= 400 }),
    };
    return this.#trace(operation, parent, target, work);
  }

  /** Spans of a batch that was executed, or failed; times on the clock of `performance.now()`. */
  batched(requests: readonly BatchedRequest[], rows: number, startedAt: number, endedAt: number, failed: boolean): void {
    let lead: SpanIds | undefined;
    let attributes: SpanAttribute[] = [];
    let [began, ended] = [0, 0];
    for (const { terms, arrivedAt } of requests) {
      const { span } = terms;
      if (!span) continue;
      if (!lead) {
        [began, ended] = [this.#clock.at(startedAt), this.#clock.at(endedAt)];
        attributes = [
          ['anneal.batch.rows', rows],
          ['anneal.batch.requests', requests.length],
        ];
      }
      const { traceId, spanId: parentSpanId } = span;
      const kind = spanKinds.internal;
      const startMs = this.#clock.at(arrivedAt);
      this.exporter.add({ traceId, spanId: newSpanId(), parentSpanId, name: 'queue', kind, startMs, endMs: began, attributes: [] });
      const links = lead ? [lead] : othersOf(requests, span);
      const spanId = newSpanId();
      const name = 'execute';
      this.exporter.add({ traceId, spanId, parentSpanId, name, kind, startMs: began, endMs: ended, attributes, links, isError: failed });
      lead ??= { traceId, spanId };
    }
  }

  /** Send what waits, for some seconds at most. */
  close(): Promise<void> {
    return this.exporter.close();
  }

  /** Of a request whose spans would be lost none are made: on a host that makes more than a collector takes that is most of the cost. */
  #takes(parent: TraceParent | undefined): boolean {
    if (!this.sampler(parent)) return false;
    if (!this.exporter.isFull) return true;
    this.exporter.lose();
    return false;
  }

  async #trace<T extends Answered>(
    { name, kind, attributes, outcome }: Operation,
    parent: TraceParent | undefined,
    target: Target,
    work: (span: RequestSpan | undefined) => Promise<T>,
  ): Promise<T> {
    const span = new RequestSpan(parent?.traceId ?? newTraceId(), newSpanId());
    const startMs = this.#clock.now();
    let version = target.version;
    let isError = false;
    try {
      const answer = await work(span);
      version = answer.version ?? version;
      if (answer.degraded) span.setAttribute('anneal.degraded', answer.degraded);
      const { attribute } = outcome(200);
      if (attribute) span.attributes.push(attribute);
      return answer;
    } catch (error) {
      const status = statusOfError(error);
      const ofOutcome = outcome(status);
      ({ isError } = ofOutcome);
      if (ofOutcome.attribute) span.attributes.push(ofOutcome.attribute);
      if (isError || status === clientClosedRequest)
        span.setAttribute('error.type', status === clientClosedRequest ? 'cancelled' : String(status));
      throw error;
    } finally {
      span.setAttribute('anneal.model.name', target.model);
      if (version !== undefined) span.setAttribute('anneal.model.version', version);
      this.exporter.add({
        traceId: span.traceId,
        spanId: span.spanId,
        ...(parent ? { parentSpanId: parent.spanId, ...(parent.traceState === undefined ? {} : { traceState: parent.traceState }) } : {}),
        name,
        kind,
        startMs,
        endMs: this.#clock.now(),
        attributes: [...attributes, ...span.attributes],
        isError,
      });
    }
  }
}

function othersOf(requests: readonly BatchedRequest[], span: RequestSpan): SpanIds[] {
  const others: SpanIds[] = [];
  for (const { terms } of requests) if (terms.span && terms.span !== span) others.push(terms.span);
  return others;
}

/** Refusals of a request are no errors of the server. To a client that went away nothing was sent. */
function httpOutcome(status: number): ReturnType<Operation['outcome']> {
  return { ...(status === clientClosedRequest ? {} : { attribute: [httpStatusAttribute, status] }), isError: status >= 500 };
}

import {
  type Attributes,
  defaultTextMapGetter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api';
import type { Metadata } from '@grpc/grpc-js';
import { startTracing, type Tracing, type TracingOptions } from '../../telemetry/start-tracing.js';
import { clientClosedRequest, statusOfError } from '../answer-status.js';
import type { Answered, Target } from '../metrics.js';
import type { BatchedRequest } from '../micro-batcher.js';
import type { ServedRequest } from '../served-request.js';
import { SpanClock } from './span-clock.js';

/** What a request is in the terms of its protocol. */
interface Operation {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  /** Of the status, once it is known; by the number that the protocol itself uses. */
  readonly outcome: (httpStatus: number) => { readonly attributes: Attributes; readonly isError: boolean };
}

const httpStatusAttribute = 'http.response.status_code';
/** By gRPC's conventions these are failures of the server: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const grpcServerErrors: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);
const inferMethod = { service: 'inference.GRPCInferenceService', method: 'ModelInfer' } as const;

const metadataGetter: TextMapGetter<Metadata> = {
  get: (metadata, key) => metadata.get(key).map(String),
  keys: (metadata) => Object.keys(metadata.getMap()),
};

/**
 * Spans of the requests for predictions of one serving process: one for each request, with the caller's context as its parent, and
 * below it the time in the queue and in the batch.
 *
 * Of the requests that share a batch, the `execute` span of the first one is linked with the other requests, theirs with it.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 * @see https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
 */
export class ServingTracer {
  // The SDK's own clock gives each span an offset of its own, up to a millisecond apart.
  readonly #clock = new SpanClock();

  private constructor(private readonly tracing: Tracing) {}

  static start(options: Omit<TracingOptions, 'followsCalls'>): ServingTracer {
    return new ServingTracer(startTracing({ ...options, followsCalls: false }));
  }

  /**
   * @param route as the documentation writes it: `/v1/models/{name}:predict`
   * @throws what `work` throws
   */
  http<T extends Answered>(request: ServedRequest, route: string, target: Target, work: () => Promise<T>): Promise<T> {
    const url = request.url ?? '/';
    const query = url.indexOf('?');
    const operation: Operation = {
      name: `${request.method} ${route}`,
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': request.method,
        'http.route': route,
        'url.path': query < 0 ? url : url.slice(0, query),
        'url.scheme': 'encrypted' in request.socket ? 'https' : 'http',
        'network.protocol.version': request.httpVersion,
        'client.address': request.socket.remoteAddress,
        'user_agent.original': request.headers['user-agent'],
      },
      outcome: httpOutcome,
    };
    return this.#trace(operation, request.headers, defaultTextMapGetter, target, (span) => {
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
    work: (span: Span | undefined) => Promise<T>,
  ): Promise<T> {
    const operation: Operation = {
      name: `${inferMethod.service}/${inferMethod.method}`,
      kind: SpanKind.SERVER,
      attributes: { 'rpc.system': 'grpc', 'rpc.service': inferMethod.service, 'rpc.method': inferMethod.method },
      outcome: (httpStatus) => {
        const code = grpcStatus(httpStatus);
        return { attributes: { 'rpc.grpc.status_code': code }, isError: grpcServerErrors.has(code) };
      },
    };
    return this.#trace(operation, metadata, metadataGetter, target, work);
  }

  /** For the `predict` activity, whose own span is the parent. */
  activity<T extends Answered>(
    carrier: Readonly<Record<string, string>>,
    target: Target,
    work: (span: Span | undefined) => Promise<T>,
  ): Promise<T> {
    const operation: Operation = {
      name: 'predict',
      kind: SpanKind.INTERNAL,
      attributes: {},
      outcome: (status) => ({ attributes: {}, isError: status >= 400 }),
    };
    return this.#trace(operation, carrier, defaultTextMapGetter, target, work);
  }

  /** Spans of a batch that was executed, or failed; times on the clock of `performance.now()`. */
  batched(requests: readonly BatchedRequest[], rows: number, startedAt: number, endedAt: number, failed: boolean): void {
    const traced = requests.filter(({ terms }) => terms.span);
    const { tracer } = this.tracing;
    const [began, ended] = [this.#clock.at(startedAt), this.#clock.at(endedAt)];
    let lead: Span | undefined;
    for (const { terms, arrivedAt } of traced) {
      const below = trace.setSpan(ROOT_CONTEXT, terms.span!);
      tracer.startSpan('queue', { startTime: this.#clock.at(arrivedAt) }, below).end(began);
      const linked = lead ? [lead] : traced.slice(1).map((each) => each.terms.span!);
      const execute = tracer.startSpan(
        'execute',
        {
          startTime: began,
          attributes: { 'anneal.batch.rows': rows, 'anneal.batch.requests': requests.length },
          links: linked.map((span) => ({ context: span.spanContext() })),
        },
        below,
      );
      if (failed) execute.setStatus({ code: SpanStatusCode.ERROR });
      execute.end(ended);
      lead ??= execute;
    }
  }

  /** Send what waits, for some seconds at most. */
  close(): Promise<void> {
    return this.tracing.close();
  }

  async #trace<T extends Answered, Carrier>(
    { name, kind, attributes, outcome }: Operation,
    carrier: Carrier,
    getter: TextMapGetter<Carrier>,
    target: Target,
    work: (span: Span | undefined) => Promise<T>,
  ): Promise<T> {
    const parent = propagation.extract(ROOT_CONTEXT, carrier, getter);
    const asked = {
      'anneal.model.name': target.model,
      ...(target.version === undefined ? {} : { 'anneal.model.version': target.version }),
    };
    const options = { kind, startTime: this.#clock.now(), attributes: { ...attributes, ...asked } };
    const span = this.tracing.tracer.startSpan(name, options, parent);
    if (!span.isRecording()) return work(undefined);
    try {
      const answer = await work(span);
      if (answer.version !== undefined) span.setAttribute('anneal.model.version', answer.version);
      if (answer.degraded) span.setAttribute('anneal.degraded', answer.degraded);
      span.setAttributes(outcome(200).attributes);
      return answer;
    } catch (error) {
      const status = statusOfError(error);
      const { attributes: ofOutcome, isError } = outcome(status);
      span.setAttributes(ofOutcome);
      if (isError || status === clientClosedRequest)
        span.setAttribute('error.type', status === clientClosedRequest ? 'cancelled' : String(status));
      if (isError) span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end(this.#clock.now());
    }
  }
}

/** Refusals of a request are no errors of the server. To a client that went away nothing was sent. */
function httpOutcome(status: number): ReturnType<Operation['outcome']> {
  return { attributes: status === clientClosedRequest ? {} : { [httpStatusAttribute]: status }, isError: status >= 500 };
}

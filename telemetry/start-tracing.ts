import { setTimeout as sleep } from 'node:timers/promises';
import { diag, DiagLogLevel, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResourcesSync, envDetectorSync, type IResource, Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-node';

export interface TracingOptions {
  /** What the process is, e.g. `anneal-training`; `OTEL_SERVICE_NAME` overrides it. */
  readonly serviceName: string;
  /** Of this one among several, where it has a name. */
  readonly instanceId?: string;
  /** Spans that could not be sent; told at most once a minute. */
  readonly onProblem: (message: string) => void;
  /**
   * How long whoever ends waits for a collector, and a request to it may take, milliseconds.
   *
   * @default 3 seconds, and what OpenTelemetry's variables say of a request
   */
  readonly patienceMs?: number;
}

export interface Tracing {
  readonly tracer: Tracer;
  /** Takes spans that were made elsewhere. */
  readonly processor: SpanProcessor;
  readonly resource: IResource;
  /** Send what waits, for some seconds at most; never throws. */
  readonly flush: () => Promise<void>;
  /** `flush`, then make no more spans. */
  readonly close: () => Promise<void>;
}

const flushTimeoutMs = 3000;
const problemEveryMs = 60_000;

/**
 * Send spans of this process by OTLP (HTTP, protobuf) to where OpenTelemetry's variables say, in batches from a bounded queue: what the
 * queue or the collector does not take is lost, and nothing waits for it. Once a process.
 *
 * This module imports OpenTelemetry's SDK: import it only in a process that has an endpoint.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function startTracing({ serviceName, instanceId, onProblem, patienceMs }: TracingOptions): Tracing {
  diag.setLogger(problemLogger(onProblem), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const own = new Resource({ 'service.name': serviceName, ...(instanceId === undefined ? {} : { 'service.instance.id': instanceId }) });
  const resource = Resource.default()
    .merge(own)
    .merge(detectResourcesSync({ detectors: [envDetectorSync] }));
  const processor = new BatchSpanProcessor(new OTLPTraceExporter(patienceMs === undefined ? {} : { timeoutMillis: patienceMs }));
  // Sampler, limits and the queue's size are read from OpenTelemetry's variables by the SDK.
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  return {
    tracer: provider.getTracer('anneal'),
    processor,
    resource,
    flush: () => withinTime(provider.forceFlush(), patienceMs),
    close: () => withinTime(provider.shutdown(), patienceMs),
  };
}

/** A collector that is away keeps no process from ending. */
function withinTime(sending: Promise<void>, patienceMs = flushTimeoutMs): Promise<void> {
  return Promise.race([sending, sleep(patienceMs, undefined, { ref: false })]).catch(() => undefined);
}

function problemLogger(onProblem: (message: string) => void) {
  let toldAt = Number.NEGATIVE_INFINITY;
  const tell = (message: string): void => {
    if (performance.now() - toldAt < problemEveryMs) return;
    toldAt = performance.now();
    onProblem(message);
  };
  const nothing = (): void => undefined;
  return { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing };
}

import type { Tracer } from '@opentelemetry/api';
import type { ClientInterceptors } from '@temporalio/client';
import {
  makeWorkflowExporter,
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryActivityOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import type { WorkerOptions } from '@temporalio/worker';
import { startTracing, type TracingOptions } from '../telemetry/start-tracing.js';
import { tracedClient } from './traced-client.js';

export interface TemporalTracing {
  /** Spans of activities, and of the workflows of a traced bundle. */
  readonly worker: Pick<WorkerOptions, 'interceptors' | 'sinks'>;
  readonly client: ClientInterceptors;
  readonly tracer: Tracer;
  /** Send what waits, for some seconds at most. */
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Spans of a process that talks to Temporal. Import it only in one that has an endpoint; once a process. */
export function traceTemporal(options: TracingOptions): TemporalTracing {
  const { tracer, processor, resource, flush, close } = startTracing(options);
  return {
    worker: {
      interceptors: {
        activity: [
          (activity) => ({
            inbound: new OpenTelemetryActivityInboundInterceptor(activity, { tracer }),
            outbound: new OpenTelemetryActivityOutboundInterceptor(activity),
          }),
        ],
      },
      sinks: { exporter: makeWorkflowExporter(processor, resource) },
    },
    client: tracedClient(tracer),
    tracer,
    flush,
    close,
  };
}

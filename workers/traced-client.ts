import type { Tracer } from '@opentelemetry/api';
import type { ClientInterceptors, WorkflowClientInterceptor } from '@temporalio/client';
import { OpenTelemetryWorkflowClientInterceptor } from '@temporalio/interceptors-opentelemetry/lib/client/index.js';

/** Whoever starts, signals or updates a workflow hands its trace on. Not what only looks: whoever shows progress asks every second. */
export function tracedClient(tracer: Tracer): ClientInterceptors {
  const client = new OpenTelemetryWorkflowClientInterceptor({ tracer });
  const acting: WorkflowClientInterceptor = {
    start: (input, next) => client.start(input, next),
    startWithDetails: (input, next) => client.startWithDetails(input, next),
    signal: (input, next) => client.signal(input, next),
    signalWithStart: (input, next) => client.signalWithStart(input, next),
    startUpdate: (input, next) => client.startUpdate(input, next),
    startUpdateWithStart: (input, next) => client.startUpdateWithStart(input, next),
    cancel: (input, next) => client.cancel(input, next),
    terminate: (input, next) => client.terminate(input, next),
  };
  return { workflow: [acting] };
}

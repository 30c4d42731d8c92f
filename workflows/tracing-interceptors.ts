import { context, trace } from '@opentelemetry/api';
import {
  OpenTelemetryInboundInterceptor,
  OpenTelemetryInternalsInterceptor,
  OpenTelemetryOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry/lib/workflow/index.js';
import { TRACE_HEADER } from '@temporalio/interceptors-opentelemetry/lib/instrumentation.js';
import { type Headers, type WorkflowInterceptors, workflowInfo } from '@temporalio/workflow';

/**
 * Spans of workflows, of those alone that somebody started, signalled or updated with a trace of theirs; nothing changes for others,
 * so what began before tracing was switched on goes on as it was. Queries are left out: whoever shows progress asks every second.
 *
 * Bundled with the workflows only where spans are sent (`workers/workflow-bundle.ts`).
 */
export function interceptors(): WorkflowInterceptors {
  const inbound = new OpenTelemetryInboundInterceptor();
  const outbound = new OpenTelemetryOutboundInterceptor();
  return {
    inbound: [
      {
        execute: (input, next) => (isTraced(input.headers) && !isEntity() ? inbound.execute(input, next) : next(input)),
        handleSignal: (input, next) => (isTraced(input.headers) ? inbound.handleSignal(input, next) : next(input)),
        handleUpdate: (input, next) => (isTraced(input.headers) ? inbound.handleUpdate(input, next) : next(input)),
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => (isWithin() ? outbound.scheduleActivity(input, next) : next(input)),
        scheduleLocalActivity: (input, next) => (isWithin() ? outbound.scheduleLocalActivity(input, next) : next(input)),
        startChildWorkflowExecution: (input, next) => (isWithin() ? outbound.startChildWorkflowExecution(input, next) : next(input)),
        signalWorkflow: (input, next) => (isWithin() ? outbound.signalWorkflow(input, next) : next(input)),
        continueAsNew: (input, next) => (isWithin() ? outbound.continueAsNew(input, next) : next(input)),
      },
    ],
    internals: [new OpenTelemetryInternalsInterceptor()],
  };
}

function isTraced(headers: Headers): boolean {
  return TRACE_HEADER in headers;
}

/** It outlives by far whoever happened to start it; what it does is traced with each update that asks for it. */
function isEntity(): boolean {
  return workflowInfo().workflowType === 'modelLifecycle';
}

function isWithin(): boolean {
  return trace.getSpan(context.active()) !== undefined;
}

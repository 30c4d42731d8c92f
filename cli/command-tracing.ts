import type { Attributes, Tracer } from '@opentelemetry/api';
import type { ClientInterceptors } from '@temporalio/client';
import type { Settings } from '../workers/settings.js';

interface CommandTracing {
  readonly tracer: Tracer;
  readonly flush: () => Promise<void>;
}

/** A collector that is away keeps nobody waiting for longer. */
const patienceMs = 1000;

let tracing: Promise<CommandTracing> | undefined;

/** Once a process; loads OpenTelemetry where there is an endpoint for spans, and nowhere else. */
function startCommandTracing({ tracing: isWanted }: Settings): Promise<CommandTracing | undefined> {
  if (!isWanted) return Promise.resolve(undefined);
  tracing ??= import('../telemetry/start-tracing.js').then(({ startTracing }) => {
    const { tracer, flush } = startTracing({ serviceName: 'anneal-command', onProblem: () => undefined, patienceMs });
    return { tracer, flush };
  });
  return tracing;
}

/** What hands the trace at hand on to the workflows that are started, signalled or updated; nothing without an endpoint. */
export async function traceInterceptors(settings: Settings): Promise<ClientInterceptors> {
  const started = await startCommandTracing(settings);
  return started ? (await import('../workers/traced-client.js')).tracedClient(started.tracer) : {};
}

/**
 * Do what a command is called for in a span, which begins the trace of whoever is asked for it. Just does it without an endpoint.
 *
 * @param name as a person calls it: `anneal run`
 * @throws what `work` throws
 */
export async function inCommandSpan<T>(settings: Settings, name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  const started = await startCommandTracing(settings);
  if (!started) return work();
  const { SpanStatusCode } = await import('@opentelemetry/api');
  return started.tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Send the spans that wait, for a second at most. Before the command ends. */
export async function flushSpans(): Promise<void> {
  await (await tracing)?.flush();
}

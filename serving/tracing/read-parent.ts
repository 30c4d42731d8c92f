import { readTraceParent, type TraceParent } from './trace-parent.js';

/** Finds the caller's span in what a request came with, by the names of its headers in lower case. */
export type ReadParent = (header: (name: string) => string | undefined) => TraceParent | undefined;

const own = ['tracecontext', 'baggage'];

/**
 * By `OTEL_PROPAGATORS`. The W3C's is read here, at a fraction of what OpenTelemetry's API takes to; for others that, and the SDK which
 * knows them, are loaded.
 */
export async function parentReader({ OTEL_PROPAGATORS: names }: NodeJS.ProcessEnv): Promise<ReadParent> {
  const chosen = names?.split(',').flatMap((name) => name.trim() || []) ?? own;
  if (chosen.every((name) => own.includes(name)))
    return chosen.includes('tracecontext') ? (header) => readTraceParent(header('traceparent'), header('tracestate')) : () => undefined;
  if (chosen.length === 1 && chosen[0] === 'none') return () => undefined;
  const [{ propagation, ROOT_CONTEXT, trace, TraceFlags }, { NodeTracerProvider }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
  ]);
  new NodeTracerProvider().register({ contextManager: null });
  const getter = { get: (header: (name: string) => string | undefined, name: string) => header(name.toLowerCase()), keys: () => [] };
  return (header) => {
    const found = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, header, getter));
    return (
      found && {
        traceId: Buffer.from(found.traceId, 'hex'),
        spanId: Buffer.from(found.spanId, 'hex'),
        isSampled: (found.traceFlags & TraceFlags.SAMPLED) !== 0,
        ...(found.traceState ? { traceState: found.traceState.serialize() } : {}),
      }
    );
  };
}

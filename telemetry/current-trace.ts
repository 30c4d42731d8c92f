/** Where OpenTelemetry's API keeps what a program has set up. */
const registered = Symbol.for('opentelemetry.js.api.1');

/**
 * The context of the span at hand, as headers for whoever is called next (`traceparent`, as the program's propagator writes it).
 *
 * @returns nothing where the program has set OpenTelemetry up in no way; its API is not loaded then
 */
export async function currentTrace(): Promise<Record<string, string>> {
  if (!(registered in globalThis)) return {};
  const { context, propagation } = await import('@opentelemetry/api');
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}

/** OpenTelemetry's own variables, as far as Anneal can tell whether they make sense. */
interface TracingVariables {
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string;
  readonly OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string;
  readonly OTEL_EXPORTER_OTLP_PROTOCOL?: string;
  readonly OTEL_EXPORTER_OTLP_TRACES_PROTOCOL?: string;
  readonly OTEL_TRACES_EXPORTER?: string;
  readonly OTEL_TRACES_SAMPLER?: string;
  readonly OTEL_TRACES_SAMPLER_ARG?: string;
  readonly OTEL_SDK_DISABLED?: string;
}

const samplers = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'];

/**
 * Whether spans are made: there is an endpoint, and nothing switches them off.
 *
 * @throws Error that names a variable of which OpenTelemetry's SDK would make nothing, or something else, without a word
 */
export function wantsTracing(values: TracingVariables): boolean {
  const place = values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ? 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' : 'OTEL_EXPORTER_OTLP_ENDPOINT';
  const endpoint = values[place];
  const exporter = values.OTEL_TRACES_EXPORTER?.trim() ?? 'otlp';
  if (!endpoint || exporter === 'none' || values.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return false;
  if (exporter !== 'otlp')
    throw unusable('OTEL_TRACES_EXPORTER', exporter, 'Anneal sends spans by "otlp" alone. Unset it, or set it to "none" to make no spans.');
  if (!isHttpUrl(endpoint))
    throw unusable(
      place,
      endpoint,
      "which spans cannot be sent to: expected the address of a collector's HTTP receiver, such as http://127.0.0.1:4318. Correct it or unset it.",
    );
  const variable = values.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ? 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL' : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const protocol = values[variable] ?? 'http/protobuf';
  if (protocol !== 'http/protobuf')
    throw unusable(
      variable,
      protocol,
      "which Anneal does not speak: it sends spans by http/protobuf. Unset it, and give the endpoint of the collector's HTTP receiver (port 4318).",
    );
  const { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: share } = values;
  if (sampler !== undefined && !samplers.includes(sampler))
    throw unusable('OTEL_TRACES_SAMPLER', sampler, `which is no sampler: expected ${samplers.join(', ')}. Correct it or unset it.`);
  if (sampler?.endsWith('traceidratio') && share !== undefined && !(Number(share) >= 0 && Number(share) <= 1))
    throw unusable('OTEL_TRACES_SAMPLER_ARG', share, 'which is no share: expected a number from 0 to 1. Correct it or unset it.');
  return true;
}

function unusable(variable: string, value: string, why: string): Error {
  return new Error(`The environment variable ${variable} is set to "${value}", ${why}`);
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).hostname !== '';
}

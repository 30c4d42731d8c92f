import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

/** A span as it arrived, read by OTLP's public schema. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it begins a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
  /** Attributes of its process. */
  readonly resource: Readonly<Record<string, unknown>>;
}

/** @see https://github.com/open-telemetry/opentelemetry-proto (what tests read of it) */
const schema = `syntax = "proto3"; package otlp;
message Value { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
message Attribute { string key = 1; Value value = 2; }
message Resource { repeated Attribute attributes = 1; }
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { string message = 2; int32 code = 3; }
message Span { bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6; fixed64 start = 7; fixed64 end = 8;
  repeated Attribute attributes = 9; repeated Link links = 13; Status status = 15; }
message Scope { repeated Span spans = 2; }
message ResourceSpans { Resource resource = 1; repeated Scope scopes = 2; }
message Request { repeated ResourceSpans resources = 1; }`;

interface Attribute {
  readonly key: string;
  readonly value?: Readonly<Record<string, unknown>>;
}
interface Linked {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
}
interface SpanMessage extends Linked {
  readonly parentSpanId: Uint8Array;
  readonly name: string;
  readonly kind: number;
  readonly start: number;
  readonly end: number;
  readonly attributes: readonly Attribute[];
  readonly links: readonly Linked[];
  readonly status?: { readonly code: number };
}
interface RequestMessage {
  readonly resources: readonly {
    readonly resource?: { readonly attributes: readonly Attribute[] };
    readonly scopes: readonly { readonly spans: readonly SpanMessage[] }[];
  }[];
}

/** What a collector of OpenTelemetry does for a test: takes OTLP over HTTP on loopback and keeps the spans. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Of the last request. */
  headers: IncomingHttpHeaders = {};
  /** What it answers with; other than 200, it keeps nothing. */
  status = 200;
  readonly #request = protobuf.parse(schema).root.lookupType('otlp.Request');
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      this.headers = request.headers;
      if (this.status === 200 && request.url === '/v1/traces')
        this.#take(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
      response.writeHead(request.url === '/v1/traces' ? this.status : 404, { 'content-type': 'application/x-protobuf' }).end();
    });
  });

  private constructor() {}

  static async listen(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Wait until a span is there. */
  async until(isThere: (span: ReceivedSpan) => boolean, timeoutMs = 60_000): Promise<ReceivedSpan> {
    for (const startedAt = performance.now(); ;) {
      const found = this.spans.find(isThere);
      if (found) return found;
      if (performance.now() - startedAt > timeoutMs)
        throw new Error(`No such span among: ${this.spans.map(({ name }) => name).join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(body: Buffer): void {
    const message = this.#request.toObject(this.#request.decode(body), { longs: Number, defaults: true, arrays: true }) as RequestMessage;
    for (const { resource, scopes } of message.resources) {
      for (const span of scopes.flatMap(({ spans }) => spans)) {
        this.spans.push({
          ...ids(span),
          parentSpanId: hex(span.parentSpanId),
          name: span.name,
          kind: span.kind,
          startMs: span.start / 1e6,
          endMs: span.end / 1e6,
          attributes: valuesOf(span.attributes),
          links: span.links.map(ids),
          status: span.status?.code ?? 0,
          resource: valuesOf(resource?.attributes ?? []),
        });
      }
    }
  }
}

function ids({ traceId, spanId }: Linked): { traceId: string; spanId: string } {
  return { traceId: hex(traceId), spanId: hex(spanId) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value ?? {})[0]]));
}

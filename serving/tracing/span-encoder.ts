import type { SpanAttribute, SpanIds, SpanRecord } from './span-record.js';

/**
 * Spans as OTLP's protobuf, written straight into memory. The SDK's spans and serializer, with their objects in
 * between, took most of what tracing cost.
 *
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */

const firstBytes = 64 << 10;
/** Attributes with one of few values are made once. */
const mostKept = 512;
/** Each request has another one. */
const unique = 'anneal.request.id';
/** The length of a span, which is known only when it is written, has this many bytes, leading zeros included. */
const lengthBytes = 3;

const fields = { bytes: 2, fixed64: 1, varint: 0 } as const;
const tag = (field: number, type: keyof typeof fields): number => (field << 3) | fields[type];

/** Writes spans one after the other into memory that is used again. */
export class SpanEncoder {
  #memory = Buffer.from(new ArrayBuffer(firstBytes));
  #at = 0;
  readonly #kept = new Map<string, Buffer>();

  /** @param longest characters of an attribute's value; what is beyond is cut off */
  constructor(private readonly longest = Number.POSITIVE_INFINITY) {}

  /** Bytes that were written since the last `take`. */
  get bytes(): number {
    return this.#at;
  }

  /** Append a span, as a field of `ScopeSpans`. */
  write(span: SpanRecord): void {
    this.#reserve(1024 + 8 * span.name.length + 3 * (span.traceState?.length ?? 0) + 64 * (span.links?.length ?? 0));
    this.#byte(tag(2, 'bytes'));
    const lengthAt = this.#at;
    this.#at += lengthBytes;
    this.#ids(span);
    if (span.traceState) this.#text(3, span.traceState);
    if (span.parentSpanId) this.#binary(4, span.parentSpanId);
    this.#text(5, span.name);
    this.#byte(tag(6, 'varint'));
    this.#byte(span.kind);
    this.#time(7, span.startMs);
    this.#time(8, span.endMs);
    for (const attribute of span.attributes) this.#attribute(9, attribute);
    for (const link of span.links ?? []) {
      this.#byte(tag(13, 'bytes'));
      this.#byte(28);
      this.#ids(link);
    }
    if (span.isError) {
      // A status of one field, its code: 2.
      for (const byte of [tag(15, 'bytes'), 2, tag(3, 'varint'), 2]) this.#byte(byte);
    }
    const length = this.#at - lengthAt - lengthBytes;
    this.#memory[lengthAt] = (length & 0x7f) | 0x80;
    this.#memory[lengthAt + 1] = ((length >> 7) & 0x7f) | 0x80;
    this.#memory[lengthAt + 2] = (length >> 14) & 0x7f;
  }

  /** @returns a copy of what was written since the last time */
  take(): Buffer {
    const taken = Buffer.from(this.#memory.subarray(0, this.#at));
    this.#at = 0;
    return taken;
  }

  #ids({ traceId, spanId }: SpanIds): void {
    this.#binary(1, traceId);
    this.#binary(2, spanId);
  }

  #attribute(field: number, [key, value]: SpanAttribute): void {
    if (key === unique) {
      this.#uniqueAttribute(field, key, String(value).slice(0, this.longest));
      return;
    }
    const name = `${field} ${key} ${value}`;
    let bytes = this.#kept.get(name);
    if (!bytes) {
      bytes = attributeBytes(field, key, typeof value === 'string' ? value.slice(0, this.longest) : value);
      if (this.#kept.size >= mostKept) this.#kept.clear();
      this.#kept.set(name, bytes);
    }
    this.#reserve(bytes.length);
    this.#memory.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** @param value in ASCII */
  #uniqueAttribute(field: number, key: string, value: string): void {
    // An id has 128 characters at most, so each length is one byte, or two.
    this.#reserve(512);
    const start = this.#at;
    this.#at = start + 3;
    this.#text(1, key);
    this.#byte(tag(2, 'bytes'));
    const lengthAt = this.#at;
    this.#at = lengthAt + 2;
    this.#text(1, value);
    this.#memory[start] = tag(field, 'bytes');
    this.#length(lengthAt);
    this.#length(start + 1);
  }

  #time(field: number, milliseconds: number): void {
    this.#byte(tag(field, 'fixed64'));
    const seconds = Math.floor(milliseconds / 1000);
    const nanoseconds = BigInt(seconds) * 1_000_000_000n + BigInt(Math.round((milliseconds - seconds * 1000) * 1e6));
    this.#at = this.#memory.writeBigUInt64LE(nanoseconds, this.#at);
  }

  #text(field: number, text: string): void {
    this.#byte(tag(field, 'bytes'));
    const lengthAt = this.#at;
    this.#at += 2;
    this.#at += this.#memory.write(text.slice(0, 4096), this.#at, 'utf8');
    this.#length(lengthAt);
  }

  /** Two bytes that say how many follow them; 16,383 at most. */
  #length(at: number): void {
    const length = this.#at - at - 2;
    this.#memory[at] = (length & 0x7f) | 0x80;
    this.#memory[at + 1] = length >> 7;
  }

  #binary(field: number, bytes: Uint8Array): void {
    this.#byte(tag(field, 'bytes'));
    this.#byte(bytes.length);
    this.#memory.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #byte(byte: number): void {
    this.#memory[this.#at++] = byte;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#memory.length) return;
    const larger = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(this.#at + bytes))));
    larger.set(this.#memory.subarray(0, this.#at));
    this.#memory = larger;
  }
}

/**
 * An `ExportTraceServiceRequest`.
 *
 * @param spans as `SpanEncoder` wrote them
 */
export function exportRequest(resource: readonly SpanAttribute[], scope: string, spans: Buffer): Buffer {
  const ofResource = message(1, Buffer.concat(resource.map(([key, value]) => attributeBytes(1, key, value))));
  const ofScope = message(1, message(1, Buffer.from(scope)));
  return message(1, Buffer.concat([ofResource, message(2, Buffer.concat([ofScope, spans]))]));
}

function attributeBytes(field: number, key: string, value: string | number): Buffer {
  return message(field, Buffer.concat([message(1, Buffer.from(key)), message(2, valueBytes(value))]));
}

function valueBytes(value: string | number): Buffer {
  if (typeof value === 'string') return message(1, Buffer.from(value));
  if (Number.isSafeInteger(value) && value >= 0) return Buffer.from([tag(3, 'varint'), ...varint(value)]);
  const double = Buffer.alloc(9, tag(4, 'fixed64'));
  double.writeDoubleLE(value, 1);
  return double;
}

function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag(field, 'bytes'), ...varint(content.length)]), content]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}

/** By their numbers in OTLP. */
export const spanKinds = { internal: 1, server: 2 } as const;

/** What a span is identified by. */
export interface SpanIds {
  /** 16 bytes. */
  readonly traceId: Uint8Array;
  /** 8 bytes. */
  readonly spanId: Uint8Array;
}

/** A span that has ended, as it is sent. Times are milliseconds since 1970. */
export interface SpanRecord extends SpanIds {
  /** 8 bytes; absent: it begins a trace. */
  readonly parentSpanId?: Uint8Array;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: (typeof spanKinds)[keyof typeof spanKinds];
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: readonly SpanAttribute[];
  readonly links?: readonly SpanIds[];
  readonly isError?: boolean;
}

export type SpanAttribute = readonly [key: string, value: string | number];

/** The span of a request that is sampled, while it is under way. */
export class RequestSpan implements SpanIds {
  readonly attributes: SpanAttribute[] = [];

  constructor(
    readonly traceId: Uint8Array,
    readonly spanId: Uint8Array,
  ) {}

  setAttribute(key: string, value: string | number): void {
    this.attributes.push([key, value]);
  }
}

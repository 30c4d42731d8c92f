import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { exportRequest, SpanEncoder } from './span-encoder.js';
import type { SpanAttribute, SpanRecord } from './span-record.js';

export interface SpanExporterOptions {
  /** Attributes of the process. */
  readonly resource: readonly SpanAttribute[];
  readonly env: NodeJS.ProcessEnv;
  /** Spans that could not be sent; told at most once a minute. */
  readonly onProblem: (message: string) => void;
}

const scope = 'anneal';
const problemEveryMs = 60_000;
const lastSendMs = 3000;
/** Between two of these the event loop has its turn. */
const spansAtOnce = 64;

/**
 * Sends spans by OTLP over HTTP in batches from a bounded queue, as OpenTelemetry's variables (`OTEL_BSP_…`, `OTEL_EXPORTER_OTLP_…`)
 * say: what the queue or the collector does not take is lost, and nobody waits for it.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #maxQueue: number;
  readonly #maxBatch: number;
  readonly #delayMs: number;
  readonly #encoder: SpanEncoder;
  readonly #transport = createOtlpHttpExportDelegate<Uint8Array, object>(
    convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', { 'Content-Type': 'application/x-protobuf' }),
    { serializeRequest: (bytes) => bytes, deserializeResponse: () => ({}) },
  );
  #queue: SpanRecord[] = [];
  /** Of requests, or spans. */
  #lost = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  constructor(options: SpanExporterOptions) {
    const { env } = options;
    const number = (name: string, usual: number): number => (Number(env[name]) > 0 ? Number(env[name]) : usual);
    this.#options = options;
    this.#maxQueue = number('OTEL_BSP_MAX_QUEUE_SIZE', 2048);
    this.#maxBatch = Math.min(this.#maxQueue, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512));
    this.#delayMs = number('OTEL_BSP_SCHEDULE_DELAY', 5000);
    const longest = number('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', number('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', Number.POSITIVE_INFINITY));
    this.#encoder = new SpanEncoder(longest);
  }

  /** Whether a span would be lost now. */
  get isFull(): boolean {
    return this.#queue.length >= this.#maxQueue;
  }

  /** Count a request of which no spans are made. */
  lose(): void {
    this.#lost++;
  }

  add(span: SpanRecord): void {
    if (this.isFull) {
      this.#lost++;
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length >= this.#maxBatch) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), this.#delayMs).unref();
  }

  /** Send what waits, for some seconds at most; never throws. */
  async close(): Promise<void> {
    await Promise.race([this.#sendAll(), sleep(lastSendMs, undefined, { ref: false })]);
  }

  async #sendAll(): Promise<void> {
    do {
      await this.#sending;
      if (this.#queue.length > 0) this.#send();
    } while (this.#queue.length > 0 || this.#sending);
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sending) return;
    this.#sending = this.#sendBatch().finally(() => {
      this.#sending = undefined;
      if (this.#queue.length >= this.#maxBatch) this.#send();
      else if (this.#queue.length > 0) this.#timer ??= setTimeout(() => this.#send(), this.#delayMs).unref();
    });
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#queue.splice(0, this.#maxBatch);
    for (let from = 0; from < batch.length; from += spansAtOnce) {
      for (const span of batch.slice(from, from + spansAtOnce)) this.#encoder.write(span);
      await nextTurn();
    }
    const request = exportRequest(this.#options.resource, scope, this.#encoder.take());
    const error = await new Promise<Error | undefined>((resolve) => this.#transport.export(request, (result) => resolve(result.error)));
    if (error) this.#lost += batch.length;
    this.#tell(error);
  }

  #tell(error: Error | undefined): void {
    if (this.#lost === 0 || performance.now() - this.#toldAt < problemEveryMs) return;
    this.#toldAt = performance.now();
    const why = error ? error.message : 'there were more than the queue and the collector take (OTEL_BSP_MAX_QUEUE_SIZE)';
    this.#options.onProblem(`spans of ${this.#lost} requests or so were lost: ${why}`);
    this.#lost = 0;
  }
}

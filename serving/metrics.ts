import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { toHttpError } from './http-error.js';
import { OverloadedError, type BatchObserver } from './micro-batcher.js';
import type { ModelRegistry } from './model-registry.js';
import { ClientGone } from './request-body.js';

/** How a prediction was asked for: rows over HTTP, tensors over HTTP, tensors over gRPC, the Temporal activity. */
export type Protocol = 'rows' | 'oip' | 'grpc' | 'activity';

interface Target {
  readonly model: string;
  readonly version?: string;
}

/** 50 µs to 10 s: a row costs a fraction of a millisecond, a full queue costs seconds. */
const secondsBuckets = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const rowsBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];
/** What a client that went away would have been told, had it stayed; as in the logs of nginx. */
const clientClosedRequest = 499;

/**
 * What a serving process counts and measures, for Prometheus.
 *
 * Labels come from the registry alone: a client that invents names of models or versions makes no new series.
 */
export class ServingMetrics {
  readonly #prometheus = new Registry();
  readonly #registry: ModelRegistry;
  readonly #requests: Counter;
  readonly #shed: Counter;
  readonly #stages: Histogram;
  readonly #batchRows: Histogram;
  readonly #loads: Counter;
  readonly #reloads: Counter;
  readonly #notLogged: Counter;
  /** `labels()` makes an object and five functions each time; requests reuse those of the first. */
  readonly #totals = new Map<string, { readonly observe: (seconds: number) => void }>();

  constructor(registry: ModelRegistry) {
    this.#registry = registry;
    const registers = [this.#prometheus];
    this.#requests = new Counter({
      name: 'anneal_requests_total',
      help: 'Requests for predictions; "status" is the HTTP status, or its counterpart in other protocols.',
      labelNames: ['model', 'version', 'protocol', 'status'],
      registers,
    });
    this.#shed = new Counter({
      name: 'anneal_requests_shed_total',
      help: 'Requests refused because too many rows waited already.',
      labelNames: ['model'],
      registers,
    });
    this.#stages = new Histogram({
      name: 'anneal_stage_seconds',
      help: 'queue: from submission to the start of its batch, by request. execute: by batch. total: from the headers to the answer, by request.',
      labelNames: ['model', 'stage'],
      buckets: secondsBuckets,
      registers,
    });
    this.#batchRows = new Histogram({
      name: 'anneal_batch_rows',
      help: 'Rows of the batches that were executed.',
      labelNames: ['model'],
      buckets: rowsBuckets,
      registers,
    });
    this.#loads = new Counter({
      name: 'anneal_model_loads_total',
      help: 'Versions that were loaded and verified, or refused, by outcome.',
      labelNames: ['model', 'outcome'],
      registers,
    });
    this.#reloads = new Counter({
      name: 'anneal_model_reloads_total',
      help: 'Changes of the version that answers by default.',
      labelNames: ['model'],
      registers,
    });
    this.#notLogged = new Counter({
      name: 'anneal_prediction_log_lost_total',
      help: 'Requests that were to be logged and are not: more than the queue, or the disk, could take.',
      registers,
    });
    new Gauge({
      name: 'anneal_model_loaded',
      help: 'Versions in memory: 1 for the one that answers by default, 0 for the others.',
      labelNames: ['model', 'version'],
      registers,
      collect() {
        this.reset();
        for (const { name, version: active, loaded } of registry.list()) {
          for (const version of loaded) this.set({ model: name, version }, version === active ? 1 : 0);
        }
      },
    });
  }

  /** Add what Node.js tells of its process: processor, memory, event loop, garbage collection. Once a process. */
  observeProcess(): void {
    collectDefaultMetrics({ register: this.#prometheus });
  }

  get contentType(): string {
    return this.#prometheus.contentType;
  }

  /** @returns everything, in Prometheus' text format */
  text(): Promise<string> {
    return this.#prometheus.metrics();
  }

  /** Measures of one model's batches. */
  batchObserver(model: string): BatchObserver {
    const queue = this.#stages.labels({ model, stage: 'queue' });
    const execute = this.#stages.labels({ model, stage: 'execute' });
    const rows = this.#batchRows.labels({ model });
    return {
      queued: (milliseconds) => queue.observe(milliseconds / 1000),
      executed: (batchRows, milliseconds) => {
        rows.observe(batchRows);
        execute.observe(milliseconds / 1000);
      },
    };
  }

  /**
   * Count one request for predictions, and its time, whatever becomes of it.
   *
   * @throws what `work` throws
   */
  async measure<T extends { readonly version?: string }>(protocol: Protocol, target: Target, work: () => T | Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      const answer = await work();
      this.#answered(protocol, target, answer.version, 200, startedAt);
      return answer;
    } catch (error) {
      const status = error instanceof ClientGone ? clientClosedRequest : (toHttpError(error)?.status ?? 500);
      if (error instanceof OverloadedError) this.#shed.inc({ model: target.model });
      this.#answered(protocol, target, undefined, status, startedAt);
      throw error;
    }
  }

  loaded(model: string, outcome: 'verified' | 'refused'): void {
    this.#loads.inc({ model, outcome });
  }

  notLogged(requests: number): void {
    this.#notLogged.inc(requests);
  }

  reloaded(model: string): void {
    this.#reloads.inc({ model });
  }

  #answered(protocol: Protocol, target: Target, answered: string | undefined, status: number, startedAt: number): void {
    const served = answered === undefined ? this.#registry.peek(target.model, target.version) : undefined;
    const isKnown = answered !== undefined || served !== undefined;
    const model = isKnown ? target.model : '';
    this.#requests.inc({ model, version: answered ?? served?.version ?? '', protocol, status });
    let total = this.#totals.get(model);
    if (!total) this.#totals.set(model, (total = this.#stages.labels({ model, stage: 'total' })));
    total.observe((performance.now() - startedAt) / 1000);
  }
}

import { performance } from 'node:perf_hooks';
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  Registry,
  type MetricObjectWithValues,
  type MetricValue,
} from 'prom-client';
import type { Degradation } from '../../contracts/serving.js';
import { statusOfError } from '../answer-status.js';
import { AnomalyMetrics } from '../anomaly/anomaly-metrics.js';
import { ExecutorMetrics } from '../executors/executor-metrics.js';
import { LeanHistogram, type HistogramSeries } from './lean-histogram.js';
import type { BatchObserver } from '../batching/micro-batcher-options.js';
import type { ModelRegistry, NoFallback } from '../model-registry.js';
import { OverloadedError } from '../request-terms.js';

/** How a prediction was asked for: rows over HTTP, tensors over HTTP, tensors over gRPC, the Temporal activity. */
export type Protocol = 'rows' | 'oip' | 'grpc' | 'activity';

/** The model that a request names. */
export interface Target {
  readonly model: string;
  readonly version?: string;
}

/** What of an answer is counted and traced. */
export interface Answered {
  readonly version?: string;
  readonly degraded?: Degradation;
}

interface AnswerCount {
  readonly labels: Readonly<Record<'model' | 'version' | 'protocol' | 'status', string>>;
  count: number;
}

/** What one model's requests add to, found without making a text of its labels each time. */
interface ModelCounts {
  readonly total: HistogramSeries;
  /** By version, then by protocol and status. */
  readonly answers: Map<string, Map<Protocol, Map<number, AnswerCount>>>;
}

/** 50 µs to 10 s: a row costs a fraction of a millisecond, a full queue costs seconds. */
const secondsBuckets = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const rowsBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];

/**
 * What a serving process counts and measures, for Prometheus.
 *
 * Labels come from the registry alone: a client that invents names of models or versions makes no new series.
 */
export class ServingMetrics {
  readonly #prometheus = new Registry();
  /** What is unlike the training rows. */
  readonly anomalies = new AnomalyMetrics(this.#prometheus);
  readonly executors: ExecutorMetrics;
  readonly #registry: ModelRegistry;
  readonly #shed: Counter;
  readonly #stages: LeanHistogram;
  readonly #batchRows: LeanHistogram;
  readonly #loads: Counter;
  readonly #reloads: Counter;
  readonly #notLogged: Counter;
  readonly #degraded: Counter;
  readonly #noFallback: Counter;
  readonly #counts = new Map<string, ModelCounts>();
  readonly #answers: AnswerCount[] = [];

  constructor(registry: ModelRegistry) {
    this.#registry = registry;
    this.executors = new ExecutorMetrics(this.#prometheus, registry);
    const registers = [this.#prometheus];
    const answers = this.#answers;
    new Counter({
      name: 'anneal_requests_total',
      help: 'Requests for predictions; "status" is the HTTP status, or its counterpart in other protocols.',
      labelNames: ['model', 'version', 'protocol', 'status'],
      registers,
      collect() {
        this.reset();
        for (const { labels, count } of answers) this.inc(labels, count);
      },
    });
    this.#shed = new Counter({
      name: 'anneal_requests_shed_total',
      help: 'Requests refused with 429, or 503 over gRPC, because there were too many.',
      labelNames: ['model'],
      registers,
    });
    this.#stages = new LeanHistogram({
      name: 'anneal_stage_seconds',
      help: 'queue: from submission to the start of its batch, by request. execute: by batch. total: from the headers to the answer, by request.',
      buckets: secondsBuckets,
    });
    this.#batchRows = new LeanHistogram({
      name: 'anneal_batch_rows',
      help: 'Rows of the batches that were executed.',
      buckets: rowsBuckets,
    });
    for (const histogram of [this.#stages, this.#batchRows]) histogram.registerIn(this.#prometheus);
    this.#loads = new Counter({
      name: 'anneal_model_loads_total',
      help: 'Versions that were loaded and verified, or refused, by outcome.',
      labelNames: ['model', 'outcome'],
      // Each process of a host opens each version.
      aggregator: 'max',
      registers,
    });
    this.#reloads = new Counter({
      name: 'anneal_model_reloads_total',
      help: 'Changes of the version that answers by default.',
      aggregator: 'max',
      labelNames: ['model'],
      registers,
    });
    this.#degraded = new Counter({
      name: 'anneal_requests_degraded_total',
      help: 'Requests that something else answered than the version: fallback, cache or prior.',
      labelNames: ['model', 'by'],
      registers,
    });
    this.#noFallback = new Counter({
      name: 'anneal_fallback_unavailable_total',
      help: 'Batches that the fallback model was to answer and did not: absent (it serves nothing here), differs (other columns or classes), failed.',
      labelNames: ['model', 'why'],
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
      aggregator: 'max',
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

  /** @param endMs milliseconds since 1970; undefined for a host that speaks no TLS */
  protects(isCurrent: boolean, endMs: number | undefined): void {
    this.#gauge(
      'anneal_protection_current',
      'Whether the host uses what its files of certificates and tokens hold: 0 while it cannot, and keeps what they held before.',
    ).set(Number(isCurrent));
    if (endMs === undefined) return;
    this.#gauge('anneal_tls_certificate_expires_seconds', 'When the certificate of the host stops to be valid, seconds since 1970.').set(
      endMs / 1000,
    );
  }

  /** One that not every host has; of its processes the lowest counts. */
  #gauge(name: string, help: string): Gauge {
    const known = this.#prometheus.getSingleMetric(name) as Gauge | undefined;
    return known ?? new Gauge({ name, help, aggregator: 'min', registers: [this.#prometheus] });
  }

  /** @returns everything, to be rolled up with other processes of the host */
  values(): Promise<MetricObjectWithValues<MetricValue<string>>[]> {
    return this.#prometheus.getMetricsAsJSON();
  }

  /** @returns everything, in Prometheus' text format */
  text(): Promise<string> {
    return this.#prometheus.metrics();
  }

  /** Measures of one model's batches. */
  batchObserver(model: string): BatchObserver {
    const queue = this.#stages.series({ model, stage: 'queue' });
    const execute = this.#stages.series({ model, stage: 'execute' });
    const rows = this.#batchRows.series({ model });
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
  async measure<T extends Answered>(protocol: Protocol, target: Target, work: () => T | Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      const answer = await work();
      this.answered(protocol, target, answer, startedAt);
      return answer;
    } catch (error) {
      this.failed(protocol, target, error, startedAt);
      throw error;
    }
  }

  /** @param startedAt of the request, on the clock of `performance.now()` */
  answered(protocol: Protocol, { model }: Target, { version = '', degraded }: Answered, startedAt: number): void {
    if (degraded) this.#degraded.inc({ model, by: degraded });
    this.#count(protocol, model, version, 200, startedAt);
  }

  failed(protocol: Protocol, { model, version }: Target, error: unknown, startedAt: number): void {
    const served = this.#registry.peek(model, version);
    const known = served ? model : '';
    if (error instanceof OverloadedError) this.#shed.inc({ model: known });
    this.#count(protocol, known, served?.version ?? '', statusOfError(error), startedAt);
  }

  loaded(model: string, outcome: 'verified' | 'refused'): void {
    this.#loads.inc({ model, outcome });
  }

  notLogged(requests: number): void {
    this.#notLogged.inc(requests);
  }

  noFallback(model: string, why: NoFallback): void {
    this.#noFallback.inc({ model, why });
  }

  reloaded(model: string): void {
    this.#reloads.inc({ model });
  }

  #count(protocol: Protocol, model: string, version: string, status: number, startedAt: number): void {
    let ofModel = this.#counts.get(model);
    if (!ofModel) this.#counts.set(model, (ofModel = { total: this.#stages.series({ model, stage: 'total' }), answers: new Map() }));
    const answers = ofModel.answers.get(version)?.get(protocol)?.get(status) ?? this.#newCount(ofModel, protocol, model, version, status);
    answers.count++;
    ofModel.total.observe((performance.now() - startedAt) / 1000);
  }

  #newCount({ answers }: ModelCounts, protocol: Protocol, model: string, version: string, status: number): AnswerCount {
    let ofVersion = answers.get(version);
    if (!ofVersion) answers.set(version, (ofVersion = new Map()));
    let ofProtocol = ofVersion.get(protocol);
    if (!ofProtocol) ofVersion.set(protocol, (ofProtocol = new Map()));
    const count: AnswerCount = { labels: { model, version, protocol, status: String(status) }, count: 0 };
    ofProtocol.set(status, count);
    this.#answers.push(count);
    return count;
  }
}

/** Content type of what `text` and `rollUp` give. */
export const metricsContentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** @returns the metrics of several processes as those of one host, in Prometheus' text format */
export function rollUp(processes: readonly (readonly MetricObjectWithValues<MetricValue<string>>[])[]): Promise<string> {
  // Its type says `object[]`; it takes what `getMetricsAsJSON` gives, once for each process.
  return AggregatorRegistry.aggregate(processes as unknown as object[]).metrics();
}

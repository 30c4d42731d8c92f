import type { RequestSpan } from './tracing/span-record.js';
import type { Logger } from 'pino';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { ProcessPlaces } from '../contracts/serving-places.js';
import type { PredictResult } from '../contracts/serving.js';
import { AccessControl } from './access.js';
import { monitorOf } from './anomaly/anomaly-monitor.js';
import { certificateEndMs } from './certificate-end.js';
import { ModelExecutor, type ExecutorOptions } from './executors/executor.js';
import { toHttpError } from './http/http-error.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { HttpServer, type AnsweredRequest, type HttpLimits, type TlsIdentity } from './http/http-server.js';
import { rollUp, ServingMetrics } from './metrics/metrics.js';
import type { BatchObserver } from './batching/micro-batcher-options.js';
import { ModelRegistry } from './model-registry.js';
import type { LoggedVersion } from './prediction-log/logged-version.js';
import type { OrphanPlace } from './orphan.js';
import { PredictionLog } from './prediction-log/prediction-log.js';
import { predictRows } from './predictions.js';
import type { PreparedVersion } from './loader/prepared-version.js';
import type { CollectedCommand, CommandName, ListenerName, ProtectionState, ServingCommands } from './process-messages.js';
import { newRequestId } from './http/request-id.js';
import { requestTerms } from './request-terms.js';
import { observeRunners } from './executors/observe-runners.js';
import { RequestCrashedError, RequestStuckError } from './executors/runner.js';
import type { ServingTracer } from './tracing/serving-tracer.js';

type Handlers = { [K in CommandName]: (input: ServingCommands[K]['input']) => Promise<ServingCommands[K]['result']> };

const defaultMaxRows = 10_000;
const defaultMaxBodyBytes = 8 * 1024 * 1024;
const defaultRequestTimeoutMs = 30_000;

/** What a serving process does with its commands; the process around it only carries the messages. */
export class ServingHost {
  readonly #registry = new ModelRegistry();
  readonly #metrics = new ServingMetrics(this.#registry);
  readonly #digests = new WeakMap<ModelExecutor, string>();
  readonly #loading = new Map<string, Promise<ModelExecutor>>();
  #http: HttpServer | undefined;
  #grpc: GrpcServer | undefined;
  #log: PredictionLog | undefined;
  #tracer: ServingTracer | undefined;
  #logShare = 0;
  #limits: HttpLimits = {};
  #executors: ExecutorOptions = {};
  #processes = 1;
  #access: AccessControl | undefined;
  #tls: TlsIdentity | undefined;
  #listening: Promise<unknown> | undefined;
  #orphan: OrphanPlace | undefined;
  #isClosing = false;

  /**
   * @param collect asks the other processes of the host, and this one
   * @param endProcess a thread of this process computes for ever, which nothing else ends
   */
  constructor(
    private readonly logger: Logger,
    private readonly collect?: Collect,
    private readonly endProcess?: () => void,
  ) {
    this.#registry.onNoFallback = (model, why) => this.#metrics.noFallback(model, why);
  }

  readonly handlers: Handlers = {
    start: async ({ limits = {}, executors = {}, expected, processes = 1, awaitsOthers = false, predictionLog, tracing, orphan }) => {
      if (predictionLog) {
        const { directory, share } = predictionLog;
        this.#log = new PredictionLog({ directory, onLost: (requests) => this.#metrics.notLogged(requests) });
        this.#logShare = share;
      }
      if (tracing) this.#tracer = await this.#startTracing(tracing.instanceId);
      this.#registry.expect(expected);
      this.#registry.awaitsOthers = awaitsOthers;
      this.#metrics.observeProcess();
      this.#limits = limits;
      this.#executors = executors;
      this.#processes = processes;
      this.#orphan = orphan;
      return null;
    },
    listen: (input) => {
      const listening = this.#listen(input);
      this.#listening = listening.catch(() => undefined);
      return listening;
    },
    protect: async (protection) => {
      // Before it listens, it would be told to nobody.
      await this.#listening;
      this.#protect(protection);
      return null;
    },
    complete: async () => {
      this.#registry.awaitsOthers = false;
      return null;
    },
    metrics: () => this.#metrics.values(),
    places: async () => this.#places(),
    stage: async ({ model, version, prepared }) => {
      const { placement } = await this.#stage(model, version, prepared);
      return { placement };
    },
    refused: async ({ model }) => {
      this.#registry.unexpect(model);
      this.#metrics.loaded(model, 'refused');
      return null;
    },
    ping: async () => null,
    activate: async ({ model, version, epoch }) => {
      const before = this.#registry.peek(model);
      const state = this.#registry.activate(model, version, epoch);
      if (this.#registry.peek(model) !== before) this.#metrics.reloaded(model);
      return state;
    },
    retire: async ({ model, version }) => {
      this.#registry.retire(model, version);
      return null;
    },
    predict: (input) => this.#predict(input),
    state: async () => this.#registry.list(),
    closeServers: async () => {
      await this.#closeServers();
      return null;
    },
    drain: async () => {
      await this.#closeServers();
      await this.#registry.close();
      await Promise.all([this.#log?.close(), this.#tracer?.close()]);
      return null;
    },
  };

  async #listen({ host, port, grpcPort, protection }: ServingCommands['listen']['input']): Promise<ServingCommands['listen']['result']> {
    const { maxBodyBytes = defaultMaxBodyBytes, requestTimeoutMs = defaultRequestTimeoutMs } = this.#limits;
    if (protection) {
      this.#access = protection.access && new AccessControl(protection.access);
      this.#protect(protection);
    }
    const shared = {
      registry: this.#registry,
      metrics: this.#metrics,
      host,
      tls: this.#tls,
      access: this.#access,
      tracer: this.#tracer,
      maxRows: this.#maxRows,
      onError: (error: unknown, requestId?: string) => this.logger.error({ requestId, error: String(error) }, 'a request failed'),
    };
    const metricsText = (): Promise<string> => this.#metricsText();
    const places = async (): Promise<readonly ProcessPlaces[]> => (await this.#collected('places')) ?? [this.#places()];
    const onAnswer = this.logger.isLevelEnabled('debug')
      ? (answered: AnsweredRequest) => this.logger.debug(answered, 'answered')
      : undefined;
    this.#http = await named('http', HttpServer.listen({ ...this.#limits, ...shared, port, metricsText, places, onAnswer }));
    if (grpcPort !== undefined) {
      const limits = { maxMessageBytes: maxBodyBytes, drainTimeoutMs: requestTimeoutMs };
      this.#grpc = await named('grpc', GrpcServer.listen({ ...shared, port: grpcPort, ...limits }));
    }
    return { port: this.#http.address.port, grpcPort: this.#grpc?.port };
  }

  /** Requests are held against these tokens at once; connections that are opened from now on see this certificate. */
  #protect({ access, tls, isCurrent }: ProtectionState): void {
    if (access) this.#access?.replace(access);
    if (tls && !isSameIdentity(tls, this.#tls)) {
      this.#http?.useIdentity(tls);
      this.#grpc?.useIdentity(tls);
      this.#tls = tls;
    }
    if (access ?? tls) this.#metrics.protects(isCurrent, tls && certificateEndMs(tls.certificate));
  }

  /** OpenTelemetry's code is loaded by a process that uses it, and by no other. */
  async #startTracing(instanceId: string): Promise<ServingTracer> {
    const { ServingTracer } = await import('./tracing/serving-tracer.js');
    const onProblem = (problem: string): void => this.logger.warn({ problem }, 'spans cannot be sent; serving goes on without them');
    return ServingTracer.start({ serviceName: 'anneal-inference', instanceId, onProblem });
  }

  get #maxRows(): number {
    return this.#limits.maxRows ?? defaultMaxRows;
  }

  async #metricsText(): Promise<string> {
    const collected = await this.#collected('metrics');
    return collected?.length ? rollUp(collected) : this.#metrics.text();
  }

  /** @returns undefined where there is no other process */
  async #collected<K extends CollectedCommand>(command: K): Promise<readonly ServingCommands[K]['result'][] | undefined> {
    return this.#processes > 1 ? this.collect?.(command) : undefined;
  }

  #places(): ProcessPlaces {
    return { pid: process.pid, versions: this.#registry.places() };
  }

  /**
   * The supervisor is gone; this process speaks for itself alone from now on.
   *
   * @returns where it may go on to answer; undefined where it should end: it does not serve, or not any more
   */
  orphaned(): OrphanPlace | undefined {
    this.#processes = 1;
    return this.#http && !this.#isClosing && !this.#registry.awaitsOthers ? this.#orphan : undefined;
  }

  /** Free the ports at once; who is connected is answered as before. */
  stopListening(): void {
    void this.#http?.stopListening();
    this.#grpc?.stopListening();
  }

  async #closeServers(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([this.#http?.drain(), this.#grpc?.drain()]);
  }

  async #stage(model: string, version: string, prepared: PreparedVersion): Promise<ModelExecutor> {
    const { digest } = prepared;
    const held = this.#registry.find(model, version);
    if (held && this.#digests.get(held.executor) === digest) return held.executor;
    const key = JSON.stringify([model, version, digest]);
    let loading = this.#loading.get(key);
    if (!loading) {
      loading = this.#open(model, version, prepared).finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  async #open(model: string, version: string, prepared: PreparedVersion): Promise<ModelExecutor> {
    const runners = observeRunners({ model, version }, this.#metrics, this.logger, this.endProcess);
    const tracer = this.#tracer;
    const observer: BatchObserver = {
      ...this.#metrics.batchObserver(model),
      ...(tracer ? { batched: (...batch) => tracer.batched(...batch) } : {}),
    };
    const executor = await ModelExecutor.start(prepared, this.#executors, runners, observer);
    executor.anomalies = monitorOf(executor.manifest, this.#metrics.anomalies.observer(model));
    const policy = executor.manifest.serving?.anomaly?.policy;
    const logged: LoggedVersion = { model, version, manifest: executor.manifest, hasPolicy: policy !== undefined && policy !== 'off' };
    const log = this.#log;
    const share = executor.manifest.serving?.log?.share ?? this.#logShare;
    if (log && share > 0) {
      executor.onAnswered = (batch, answer, latencyMs, requestId) => {
        if (share >= 1 || Math.random() < share) log.record(logged, batch, answer, latencyMs, requestId || newRequestId());
      };
    }
    this.#digests.set(executor, prepared.digest);
    this.#registry.stage({ name: model, version, executor });
    this.#metrics.loaded(model, 'verified');
    return executor;
  }

  async #predict({ trace = {}, ...input }: ServingCommands['predict']['input']): Promise<PredictResult> {
    try {
      const run = (span?: RequestSpan): Promise<PredictResult> =>
        this.#metrics.measure('activity', input, () => predictRows(this.#registry, input, this.#maxRows, span && requestTerms({ span })));
      return await (this.#tracer ? this.#tracer.activity(trace, input, run) : run());
    } catch (error) {
      if (error instanceof AnnealError) throw error;
      // Another try by Temporal would be the third one.
      if (error instanceof RequestCrashedError || error instanceof RequestStuckError)
        throw new AnnealError(failureTypes.requestCrashed, error.message);
      const refusal = toHttpError(error);
      // "Not loaded yet" (503) passes, so it stays an error that is worth a retry.
      if (refusal?.status === 400 || refusal?.status === 422) throw new AnnealError(failureTypes.invalidRequest, refusal.message);
      throw error;
    }
  }
}

/** Asks all processes of the host, and says what each answered. */
export type Collect = <K extends CollectedCommand>(command: K) => Promise<readonly ServingCommands[K]['result'][]>;

function isSameIdentity(one: TlsIdentity, other: TlsIdentity | undefined): boolean {
  return one.certificate === other?.certificate && one.key === other.key && one.clientAuthority === other.clientAuthority;
}

/** Says in the error which server could not listen. */
async function named<T>(listener: ListenerName, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (error) {
    throw Object.assign(error as Error, { listener });
  }
}

import type { Logger } from 'pino';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { PredictResult } from '../contracts/serving.js';
import { ModelExecutor } from './executor.js';
import { toHttpError } from './http-error.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { HttpServer } from './http-server.js';
import type { VersionFiles } from './load-model.js';
import { ServingMetrics } from './metrics.js';
import { ModelRegistry } from './model-registry.js';
import { PredictionLog } from './prediction-log/prediction-log.js';
import { predictRows } from './predictions.js';
import type { CommandName, ListenerName, ServingCommands } from './process-messages.js';

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
  #maxRows = defaultMaxRows;

  /** @param onFatal called when the process should be replaced: a thread of a version died */
  constructor(
    private readonly logger: Logger,
    private readonly onFatal: (error: Error) => void,
  ) {}

  readonly handlers: Handlers = {
    start: async ({ host, port, grpcPort, limits, expected, predictionLog }) => {
      if (predictionLog) this.#log = new PredictionLog({ ...predictionLog, onLost: (requests) => this.#metrics.notLogged(requests) });
      this.#registry.expect(expected);
      this.#metrics.observeProcess();
      this.#maxRows = limits?.maxRows ?? defaultMaxRows;
      const shared = {
        registry: this.#registry,
        metrics: this.#metrics,
        host,
        maxRows: this.#maxRows,
        onError: (error: unknown) => this.logger.error({ error: String(error) }, 'a request failed'),
      };
      this.#http = await named('http', HttpServer.listen({ ...limits, ...shared, port }));
      if (grpcPort !== undefined) {
        const maxMessageBytes = limits?.maxBodyBytes ?? defaultMaxBodyBytes;
        const drainTimeoutMs = limits?.requestTimeoutMs ?? defaultRequestTimeoutMs;
        this.#grpc = await named('grpc', GrpcServer.listen({ ...shared, port: grpcPort, maxMessageBytes, drainTimeoutMs }));
      }
      return { port: this.#http.address.port, grpcPort: this.#grpc?.port };
    },
    stage: async ({ model, version, files }) => {
      const executor = await this.#stage(model, version, files);
      return { loadMs: executor.loadMs, goldenDifference: executor.goldenDifference };
    },
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
      await this.#log?.close();
      return null;
    },
  };

  async #closeServers(): Promise<void> {
    await Promise.all([this.#http?.drain(), this.#grpc?.drain()]);
  }

  async #stage(model: string, version: string, files: VersionFiles): Promise<ModelExecutor> {
    const digest = [files.model, files.manifest, files.golden].map((file) => file.sha256).join();
    const held = this.#registry.find(model, version);
    if (held && this.#digests.get(held.executor) === digest) return held.executor;
    const key = JSON.stringify([model, version, digest]);
    let loading = this.#loading.get(key);
    if (!loading) {
      loading = this.#load(model, version, files, digest).finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  async #load(model: string, version: string, files: VersionFiles, digest: string): Promise<ModelExecutor> {
    try {
      const executor = await ModelExecutor.start(files, this.onFatal, this.#metrics.batchObserver(model));
      const logged = { model, version, manifest: executor.manifest };
      if (this.#log) executor.onAnswered = (batch, outputs, latencyMs) => this.#log?.record(logged, batch, outputs, latencyMs);
      this.#digests.set(executor, digest);
      this.#registry.stage({ name: model, version, executor });
      this.#metrics.loaded(model, 'verified');
      return executor;
    } catch (error) {
      this.#registry.unexpect(model);
      this.#metrics.loaded(model, 'refused');
      if (!(error instanceof AnnealError)) throw error;
      throw new AnnealError(error.type, `Version ${version} of ${model} was not loaded. ${error.message}`, error.details, { cause: error });
    }
  }

  async #predict(input: ServingCommands['predict']['input']): Promise<PredictResult> {
    try {
      return await this.#metrics.measure('activity', input, () => predictRows(this.#registry, input, this.#maxRows));
    } catch (error) {
      if (error instanceof AnnealError) throw error;
      const refusal = toHttpError(error);
      // "Not loaded yet" (503) passes, so it stays an error that is worth a retry.
      if (refusal?.status === 400) throw new AnnealError(failureTypes.invalidRequest, refusal.message);
      throw error;
    }
  }
}

/** Says in the error which server could not listen. */
async function named<T>(listener: ListenerName, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (error) {
    throw Object.assign(error as Error, { listener });
  }
}

import { Artifacts } from './artifacts.js';
import { Experiments } from './experiments.js';
import { ModelVersions } from './model-versions.js';
import { RegisteredModels } from './registered-models.js';
import { Runs } from './runs.js';
import { type MlflowClientOptions, Transport } from './transport.js';

/**
 * An MLflow server: experiments, runs, artifacts and the model registry.
 *
 * Holds no connection and no state; requests that are safe to repeat are tried again when the server is busy or away.
 */
export class MlflowClient {
  readonly experiments: Experiments;
  readonly runs: Runs;
  readonly artifacts: Artifacts;
  readonly models: RegisteredModels;
  readonly versions: ModelVersions;
  readonly #transport: Transport;

  /** @throws TypeError when `trackingUri` is not an HTTP address, or carries credentials */
  constructor(options: MlflowClientOptions | Transport) {
    this.#transport = options instanceof Transport ? options : new Transport(options);
    this.experiments = new Experiments(this.#transport);
    this.runs = new Runs(this.#transport);
    this.artifacts = new Artifacts(this.#transport);
    this.models = new RegisteredModels(this.#transport);
    this.versions = new ModelVersions(this.#transport);
  }

  /** Address of the server, without a slash at the end. */
  get address(): string {
    return this.#transport.address;
  }

  /** The same client, whose requests end when `signal` is aborted. */
  withSignal(signal: AbortSignal): MlflowClient {
    return new MlflowClient(this.#transport.withSignal(signal));
  }
}

import { undefinedWhenAbsent } from './errors.js';
import { pages } from './search.js';
import type { Transport } from './transport.js';
import type { ModelVersion, RegisteredModel, SearchOptions, Tags } from './types.js';
import { tagsToPairs, toModelVersion, toRegisteredModel, type WireModelVersion, type WireRegisteredModel } from './wire.js';

const root = '/api/2.0/mlflow/registered-models';

export class RegisteredModels {
  constructor(private readonly transport: Transport) {}

  /** @throws MlflowError `RESOURCE_ALREADY_EXISTS` */
  async create(input: { readonly name: string; readonly description?: string; readonly tags?: Tags }): Promise<RegisteredModel> {
    const answer = await this.transport.json<{ registered_model: WireRegisteredModel }>({
      method: 'POST',
      path: `${root}/create`,
      body: { name: input.name, description: input.description, tags: tagsToPairs(input.tags) },
      idempotent: false,
    });
    return toRegisteredModel(answer.registered_model);
  }

  async get(name: string): Promise<RegisteredModel | undefined> {
    const answer = await this.transport
      .json<{ registered_model: WireRegisteredModel }>({ method: 'GET', path: `${root}/get`, query: { name }, idempotent: true })
      .catch(undefinedWhenAbsent);
    return answer && toRegisteredModel(answer.registered_model);
  }

  search(options: SearchOptions = {}): AsyncGenerator<RegisteredModel> {
    return pages(async (token) => {
      const query = { filter: options.filter, order_by: options.orderBy, max_results: options.pageSize ?? 100, page_token: token };
      const answer = await this.transport.json<{ registered_models?: WireRegisteredModel[]; next_page_token?: string }>({
        method: 'GET',
        path: `${root}/search`,
        query,
        idempotent: true,
      });
      return { rows: (answer.registered_models ?? []).map(toRegisteredModel), nextPageToken: answer.next_page_token };
    });
  }

  async setTag(name: string, key: string, value: string): Promise<void> {
    await this.transport.json({ method: 'POST', path: `${root}/set-tag`, body: { name, key, value }, idempotent: true });
  }

  /** Point an alias at a version, away from the one that had it. */
  async setAlias(name: string, alias: string, version: string): Promise<void> {
    await this.transport.json({ method: 'POST', path: `${root}/alias`, body: { name, alias, version }, idempotent: true });
  }

  /** @returns undefined when there is no such model or alias */
  async getVersionByAlias(name: string, alias: string): Promise<ModelVersion | undefined> {
    const answer = await this.transport
      .json<{ model_version: WireModelVersion }>({ method: 'GET', path: `${root}/alias`, query: { name, alias }, idempotent: true })
      .catch((error: unknown) => {
        // For an alias that is not set, MLflow's database store says INVALID_PARAMETER_VALUE.
        if (isUnknownAlias(error)) return undefined;
        return undefinedWhenAbsent(error);
      });
    return answer && toModelVersion(answer.model_version);
  }

  /** Deleting an alias that is not set is not an error. */
  async deleteAlias(name: string, alias: string): Promise<void> {
    await this.transport.json({ method: 'DELETE', path: `${root}/alias`, body: { name, alias }, idempotent: true });
  }

  /** Deletes its versions too. */
  async delete(name: string): Promise<void> {
    await this.transport.json({ method: 'DELETE', path: `${root}/delete`, body: { name }, idempotent: false });
  }
}

function isUnknownAlias(error: unknown): boolean {
  return (
    error instanceof Error &&
    'errorCode' in error &&
    error.errorCode === 'INVALID_PARAMETER_VALUE' &&
    /alias .* not found/i.test(error.message)
  );
}

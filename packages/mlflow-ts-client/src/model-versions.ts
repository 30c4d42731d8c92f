import { undefinedWhenAbsent } from './errors.js';
import { pages } from './search.js';
import type { Transport } from './transport.js';
import type { ModelVersion, SearchOptions, Tags } from './types.js';
import { tagsToPairs, toModelVersion, type WireModelVersion } from './wire.js';

const root = '/api/2.0/mlflow/model-versions';

export class ModelVersions {
  constructor(private readonly transport: Transport) {}

  /**
   * @param input.source where the model's directory is, e.g. `<artifactUri of the run>/model`
   * @throws MlflowError `RESOURCE_DOES_NOT_EXIST` when the model is not registered
   */
  async create(input: {
    readonly name: string;
    readonly source: string;
    readonly runId?: string;
    readonly description?: string;
    readonly tags?: Tags;
  }): Promise<ModelVersion> {
    const answer = await this.transport.json<{ model_version: WireModelVersion }>({
      method: 'POST',
      path: `${root}/create`,
      body: { name: input.name, source: input.source, run_id: input.runId, description: input.description, tags: tagsToPairs(input.tags) },
      idempotent: false,
    });
    return toModelVersion(answer.model_version);
  }

  async get(name: string, version: string): Promise<ModelVersion | undefined> {
    const answer = await this.transport
      .json<{ model_version: WireModelVersion }>({ method: 'GET', path: `${root}/get`, query: { name, version }, idempotent: true })
      .catch(undefinedWhenAbsent);
    return answer && toModelVersion(answer.model_version);
  }

  search(options: SearchOptions = {}): AsyncGenerator<ModelVersion> {
    return pages(async (token) => {
      const query = { filter: options.filter, order_by: options.orderBy, max_results: options.pageSize ?? 1000, page_token: token };
      const answer = await this.transport.json<{ model_versions?: WireModelVersion[]; next_page_token?: string }>({
        method: 'GET',
        path: `${root}/search`,
        query,
        idempotent: true,
      });
      return { rows: (answer.model_versions ?? []).map(toModelVersion), nextPageToken: answer.next_page_token };
    });
  }

  async update(name: string, version: string, change: { readonly description: string }): Promise<ModelVersion> {
    const answer = await this.transport.json<{ model_version: WireModelVersion }>({
      method: 'PATCH',
      path: `${root}/update`,
      body: { name, version, description: change.description },
      idempotent: true,
    });
    return toModelVersion(answer.model_version);
  }

  async setTags(name: string, version: string, tags: Tags): Promise<void> {
    for (const [key, value] of Object.entries(tags)) {
      await this.transport.json({ method: 'POST', path: `${root}/set-tag`, body: { name, version, key, value }, idempotent: true });
    }
  }

  async deleteTag(name: string, version: string, key: string): Promise<void> {
    await this.transport.json({ method: 'DELETE', path: `${root}/delete-tag`, body: { name, version, key }, idempotent: true });
  }

  async delete(name: string, version: string): Promise<void> {
    await this.transport.json({ method: 'DELETE', path: `${root}/delete`, body: { name, version }, idempotent: false });
  }
}

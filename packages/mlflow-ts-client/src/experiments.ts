import { undefinedWhenAbsent } from './errors.js';
import { pages } from './search.js';
import type { Transport } from './transport.js';
import type { Experiment, SearchOptions, Tags } from './types.js';
import { tagsToPairs, toExperiment, type WireExperiment } from './wire.js';

const root = '/api/2.0/mlflow/experiments';

export class Experiments {
  constructor(private readonly transport: Transport) {}

  /**
   * @returns its id
   * @throws MlflowError `RESOURCE_ALREADY_EXISTS` also for a deleted experiment of that name
   */
  async create(input: { readonly name: string; readonly tags?: Tags; readonly artifactLocation?: string }): Promise<string> {
    const { experiment_id: id } = await this.transport.json<{ experiment_id: string }>({
      method: 'POST',
      path: `${root}/create`,
      body: { name: input.name, tags: tagsToPairs(input.tags), artifact_location: input.artifactLocation },
      idempotent: false,
    });
    return id;
  }

  /** @returns also a deleted experiment: see its `lifecycleStage` */
  async getByName(name: string): Promise<Experiment | undefined> {
    const answer = await this.transport
      .json<{ experiment: WireExperiment }>({
        method: 'GET',
        path: `${root}/get-by-name`,
        query: { experiment_name: name },
        idempotent: true,
      })
      .catch(undefinedWhenAbsent);
    return answer && toExperiment(answer.experiment);
  }

  search(options: SearchOptions & { readonly view?: 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL' } = {}): AsyncGenerator<Experiment> {
    return pages(async (token) => {
      const answer = await this.transport.json<{ experiments?: WireExperiment[]; next_page_token?: string }>({
        method: 'POST',
        path: `${root}/search`,
        body: {
          filter: options.filter,
          order_by: options.orderBy,
          max_results: options.pageSize ?? 1000,
          view_type: options.view,
          page_token: token,
        },
        idempotent: true,
      });
      return { rows: (answer.experiments ?? []).map(toExperiment), nextPageToken: answer.next_page_token };
    });
  }

  async setTag(experimentId: string, key: string, value: string): Promise<void> {
    await this.transport.json({
      method: 'POST',
      path: `${root}/set-experiment-tag`,
      body: { experiment_id: experimentId, key, value },
      idempotent: true,
    });
  }

  /** Deleting twice throws `RESOURCE_DOES_NOT_EXIST` or `INVALID_STATE`, as the server's version likes. */
  async delete(experimentId: string): Promise<void> {
    await this.transport.json({ method: 'POST', path: `${root}/delete`, body: { experiment_id: experimentId }, idempotent: false });
  }

  async restore(experimentId: string): Promise<void> {
    await this.transport.json({ method: 'POST', path: `${root}/restore`, body: { experiment_id: experimentId }, idempotent: false });
  }
}

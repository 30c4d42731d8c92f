import { pages } from './search.js';
import type { Transport } from './transport.js';
import type { DatasetInput, Metric, Run, RunStatus, SearchOptions, Tags } from './types.js';
import { fromMetric, tagsToPairs, toMetric, toRun, type WireRun } from './wire.js';

const root = '/api/2.0/mlflow/runs';
/** What MLflow takes in one `log-batch`. */
const batchLimits = { metrics: 1000, params: 100, tags: 100 } as const;

export interface LogBatchInput {
  readonly metrics?: readonly Metric[];
  /** A parameter is written once: another value for the same key is refused. */
  readonly params?: Tags;
  readonly tags?: Tags;
}

export class Runs {
  constructor(private readonly transport: Transport) {}

  async create(input: {
    readonly experimentId: string;
    readonly runName?: string;
    readonly startTimeMs?: number;
    readonly tags?: Tags;
  }): Promise<Run> {
    const { run } = await this.transport.json<{ run: WireRun }>({
      method: 'POST',
      path: `${root}/create`,
      body: {
        experiment_id: input.experimentId,
        run_name: input.runName,
        start_time: Math.round(input.startTimeMs ?? Date.now()),
        tags: tagsToPairs(input.tags),
      },
      idempotent: false,
    });
    return toRun(run);
  }

  /** @throws MlflowError `RESOURCE_DOES_NOT_EXIST` */
  async get(runId: string): Promise<Run> {
    const { run } = await this.transport.json<{ run: WireRun }>({
      method: 'GET',
      path: `${root}/get`,
      query: { run_id: runId },
      idempotent: true,
    });
    return toRun(run);
  }

  async update(
    runId: string,
    change: { readonly status?: RunStatus; readonly endTimeMs?: number; readonly runName?: string },
  ): Promise<void> {
    await this.transport.json({
      method: 'POST',
      path: `${root}/update`,
      body: {
        run_id: runId,
        status: change.status,
        end_time: change.endTimeMs === undefined ? undefined : Math.round(change.endTimeMs),
        run_name: change.runName,
      },
      idempotent: true,
    });
  }

  search(
    experimentIds: readonly string[],
    options: SearchOptions & { readonly view?: 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL' } = {},
  ): AsyncGenerator<Run> {
    return pages(async (token) => {
      const answer = await this.transport.json<{ runs?: WireRun[]; next_page_token?: string }>({
        method: 'POST',
        path: `${root}/search`,
        body: {
          experiment_ids: experimentIds,
          filter: options.filter,
          order_by: options.orderBy,
          max_results: options.pageSize ?? 1000,
          run_view_type: options.view,
          page_token: token,
        },
        idempotent: true,
      });
      return { rows: (answer.runs ?? []).map(toRun), nextPageToken: answer.next_page_token };
    });
  }

  /**
   * Write metrics, parameters and tags, in as many requests as MLflow's limits make of them.
   *
   * Safe to repeat with the same input: MLflow keeps one row for equal metric points and equal parameters.
   */
  async logBatch(runId: string, { metrics = [], params, tags }: LogBatchInput): Promise<void> {
    // A request of one kind stays below MLflow's limit of a megabyte; a mixed one might not.
    const requests = [
      ...chunks(tagsToPairs(tags), batchLimits.tags).map((part) => ({ tags: part })),
      ...chunks(tagsToPairs(params), batchLimits.params).map((part) => ({ params: part })),
      ...chunks(metrics.map(fromMetric), batchLimits.metrics).map((part) => ({ metrics: part })),
    ];
    for (const request of requests) {
      await this.transport.json({ method: 'POST', path: `${root}/log-batch`, body: { run_id: runId, ...request }, idempotent: true });
    }
  }

  setTags(runId: string, tags: Tags): Promise<void> {
    return this.logBatch(runId, { tags });
  }

  /** All points of one metric, by step. */
  metricHistory(runId: string, key: string): AsyncGenerator<Metric> {
    return pages(async (token) => {
      const answer = await this.transport.json<{ metrics?: Parameters<typeof toMetric>[0][]; next_page_token?: string }>({
        method: 'GET',
        path: '/api/2.0/mlflow/metrics/get-history',
        query: { run_id: runId, metric_key: key, max_results: 25_000, page_token: token },
        idempotent: true,
      });
      return { rows: (answer.metrics ?? []).map(toMetric), nextPageToken: answer.next_page_token };
    });
  }

  /** Say which data sets a run used. Safe to repeat: MLflow knows a data set by name and digest. */
  async logInputs(runId: string, datasets: readonly DatasetInput[]): Promise<void> {
    const wire = datasets.map(({ tags, name, digest, sourceType, source, schema, profile }) => ({
      tags: tagsToPairs(tags),
      dataset: { name, digest, source_type: sourceType, source, schema, profile },
    }));
    await this.transport.json({ method: 'POST', path: `${root}/log-inputs`, body: { run_id: runId, datasets: wire }, idempotent: true });
  }

  /** Mark as deleted; deleting twice is not an error. */
  async delete(runId: string): Promise<void> {
    await this.transport.json({ method: 'POST', path: `${root}/delete`, body: { run_id: runId }, idempotent: true });
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

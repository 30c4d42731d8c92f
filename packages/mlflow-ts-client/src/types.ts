/** Facts as MLflow tells them, with names in camel case. Times are milliseconds since 1970. */

export type Tags = Readonly<Record<string, string>>;

export interface Experiment {
  readonly experimentId: string;
  readonly name: string;
  readonly artifactLocation: string;
  readonly lifecycleStage: 'active' | 'deleted';
  readonly tags: Tags;
  readonly creationTimeMs?: number;
  readonly lastUpdateTimeMs?: number;
}

export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface Metric {
  readonly key: string;
  /** NaN and the infinities are allowed. */
  readonly value: number;
  readonly timestampMs: number;
  readonly step: number;
}

export interface Run {
  readonly runId: string;
  readonly runName: string;
  readonly experimentId: string;
  readonly status: RunStatus;
  readonly startTimeMs: number;
  readonly endTimeMs?: number;
  readonly artifactUri: string;
  readonly lifecycleStage: 'active' | 'deleted';
  /** The newest value of each. */
  readonly metrics: readonly Metric[];
  readonly params: Tags;
  readonly tags: Tags;
}

/** A data set that a run used, as `log-inputs` takes it. */
export interface DatasetInput {
  readonly name: string;
  /** At most 36 characters. */
  readonly digest: string;
  readonly sourceType: string;
  readonly source: string;
  /** JSON. */
  readonly schema?: string;
  /** JSON. */
  readonly profile?: string;
  readonly tags?: Tags;
}

export interface ArtifactFile {
  /** Relative to the listed folder. */
  readonly path: string;
  readonly isDirectory: boolean;
  readonly sizeBytes?: number;
}

export interface RegisteredModel {
  readonly name: string;
  readonly description: string;
  readonly tags: Tags;
  /** Version by alias. */
  readonly aliases: Tags;
  readonly creationTimeMs: number;
  readonly lastUpdateTimeMs: number;
}

export interface ModelVersion {
  readonly name: string;
  /** A counter, as text. */
  readonly version: string;
  readonly source: string;
  readonly runId?: string;
  readonly status: 'PENDING_REGISTRATION' | 'FAILED_REGISTRATION' | 'READY';
  readonly description: string;
  readonly tags: Tags;
  readonly aliases: readonly string[];
  readonly creationTimeMs: number;
  readonly lastUpdateTimeMs: number;
}

export interface SearchOptions {
  /** MLflow's filter syntax, e.g. `tags."team" = 'growth'`; quote values with `filterString`. */
  readonly filter?: string;
  readonly orderBy?: readonly string[];
  /** Rows a request; the search goes on until the last page. */
  readonly pageSize?: number;
}

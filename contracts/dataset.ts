import type { FeatureLayout, FittedFeature } from './fitted-feature.js';
import type { ArtifactRef } from './reference.js';
import type { Task } from './pipeline.js';

/** An immutable copy of a source: Parquet (zstd) in the artifact store, in one part or more, with a manifest beside it. */
import type { SourceSpec } from './pipeline/source.js';
import type { ResolvedWindow } from './pipeline/window.js';

export type { FeatureLayout, FittedFeature } from './fitted-feature.js';

export type { FeatureLayout, FittedFeature } from './fitted-feature.js';
export interface Snapshot {
  /** JSON of `SnapshotManifest`. */
  readonly manifest: ArtifactRef;
  /** sha256 that stands for the rows, wherever they came from: equal parts in equal order have equal digests. */
  readonly digest: string;
  readonly rows: number;
  /** True when the same source had been ingested before. */
  readonly reused: boolean;
}

  /** What somebody should know of how it was read, e.g. that empty files were left out. */
  readonly notes?: readonly string[];
export interface SnapshotManifest {
  readonly formatVersion: 1;
  /** The files that were read, in order. */
  readonly sources: readonly SourceIdentity[];
  /** Parquet files; the snapshot's rows are theirs, in order. */
  readonly parts: readonly SnapshotPart[];
  readonly rows: number;
  /**
   * How far the columns' types can be trusted: `strong` (Parquet, Arrow) as they are, `json` numbers and times may be text,
   * `text` (CSV) what is text may be anything and the pipeline says what it means. A query is as weak as its weakest source.
   */
  readonly typing: 'strong' | 'json' | 'text';
  /** Names and DuckDB types, in the order of the file. */
  readonly columns: readonly SnapshotColumn[];
  /** Of a query, which has `sources` of its own tables. */
  readonly query?: string;
  /** Of a source with a window: the rows in it. */
  readonly window?: ResolvedWindow;
}

export interface SnapshotColumn {
  readonly name: string;
  readonly type: string;
}

export interface SourceIdentity {
  readonly uri: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface SnapshotPart {
  readonly data: ArtifactRef;
  readonly rows: number;
}

  /** Where they are not the snapshot's: columns that the part lacks are missing values, others are cast. */
  readonly columns?: readonly SnapshotColumn[];
}

/** A file as its place lists it; nothing of it has been read. */
export interface ListedFile {
  readonly uri: string;
  readonly sizeBytes: number;
  /** Of a remote file: changes when the content does. */
  readonly etag?: string;
  /** Values of the folders named `key=value` that it lies in. */
  readonly partition?: Readonly<Record<string, string | null>>;
}

/** A file that was ingested. */
export interface IngestedFile {
  readonly source: SourceIdentity;
  /** Absent when it has no rows (in the window). */
  readonly part?: SnapshotPart;
  readonly columns: readonly SnapshotColumn[];
  readonly partition?: Readonly<Record<string, string | null>>;
  /** True when its part was there already. */
  readonly reused: boolean;
}

/** How a source is ingested: the content of a plan artifact. */
export interface IngestionPlan {
  readonly source: SourceSpec;
  readonly window?: ResolvedWindow;
  /** Consecutive files of one table each; `table` is absent where the source is no query. */
  readonly partitions: readonly { readonly table?: string; readonly files: readonly ListedFile[] }[];
  /** Uris of files without a byte. */
  readonly empty: readonly string[];
export type AnomalySeverity = 'error' | 'warn';

/** One finding of the validation: which column, what was expected, what was found. */
export interface Anomaly {
  readonly severity: AnomalySeverity;
  /** Name of the rule, e.g. `missing-column`, `type`, `range`, `null`, `one-class`. */
  readonly rule: string;
  readonly column?: string;
  readonly expected: string;
  readonly found: string;
  /** Rows concerned, where the rule is about rows. */
  readonly rows?: number;
}

export interface ColumnStatistics {
  readonly column: string;
  readonly type: string;
  readonly rows: number;
  readonly missing: number;
  /** Approximate number of distinct values. */
  readonly distinct: number;
  readonly min?: number | string;
  readonly max?: number | string;
  readonly mean?: number;
  readonly standardDeviation?: number;
  /** 0.01, 0.25, 0.5, 0.75, 0.99 */
  readonly quantiles?: readonly number[];
  readonly topValues?: readonly { readonly value: string; readonly rows: number }[];
}

/** The content of a validation report artifact. */
export interface ValidationReport {
  readonly passed: boolean;
  readonly rows: number;
  readonly anomalies: readonly Anomaly[];
  /** Rows taken out, by reason. */
  readonly quarantined: readonly { readonly reason: string; readonly rows: number }[];
  /** Parquet of those rows as they came, with `__anneal_row` (from 1) and `__anneal_reason`; absent when there are none. */
  readonly quarantine?: ArtifactRef;
  readonly statistics: readonly ColumnStatistics[];
  /** Share of rows per class, or mean and standard deviation of a regression target. */
  readonly target: { readonly classes?: Readonly<Record<string, number>>; readonly mean?: number; readonly standardDeviation?: number };
}

export type RawInputType = 'string' | 'int64' | 'float64';

/**
 * An input of the exported graph: a raw column, shape [N, 1].
 *
 * How a missing value is written: `string` → "", `float64` → NaN, a timestamp → −2^63.
 * A nullable integer or boolean column travels as `float64`, so that it can be missing; a boolean as 0 or 1.
 * A timestamp travels as `int64`: milliseconds since 1970-01-01 UTC.
 */
export interface RawInput {
  readonly name: string;
  readonly type: RawInputType;
  /** The column's type in the pipeline; tells a caller's `"2001-06-01T12:00"` from a number. */
  readonly columnType: 'string' | 'integer' | 'float' | 'boolean' | 'timestamp';
  readonly nullable: boolean;
}

/** The content of a transform artifact: from raw columns to the model's two matrices. */
export interface FittedTransform {
  readonly formatVersion: 1;
  readonly inputs: readonly RawInput[];
  readonly features: readonly FittedFeature[];
  readonly layout: FeatureLayout;
}

/** A split as little-endian row-major arrays. */
export interface EncodedSplit {
  readonly rows: number;
  /** int32 [rows, C]; absent when there is no categorical feature. */
  readonly categorical?: ArtifactRef;
  /** float32 [rows, F]; absent when there is no numeric feature. */
  readonly numeric?: ArtifactRef;
  /** float32 [rows]: 0/1, index of the class, or the value. */
  readonly target: ArtifactRef;
}

/** The content of a prepared-dataset artifact. */
export interface PreparedManifest {
  readonly formatVersion: 1;
  readonly task: Task;
  /** In the order of the model's outputs; empty for regression. */
  readonly classes: readonly string[];
  readonly transform: ArtifactRef;
  readonly layout: FeatureLayout;
  readonly train: EncodedSplit;
  readonly validation: EncodedSplit;
  /**
   * Raw rows of the test split as Parquet: the raw input columns in the encoding of `RawInput` (missing values as SQL NULL),
   * the slice columns as `__slice_<name>` VARCHAR, and `__target` FLOAT. Evaluation runs the exported graph on them.
   */
  readonly test: { readonly rows: number; readonly data: ArtifactRef };
  /** Class shares of the training part, or [mean, standard deviation] of a regression target. */
  readonly trainingPrior: readonly number[];
  readonly dropped: readonly { readonly reason: string; readonly rows: number }[];
}

export interface PreparedDataset {
  /** JSON of `PreparedManifest`; its digest stands for the whole prepared data set. */
  readonly manifest: ArtifactRef;
  readonly rows: { readonly train: number; readonly validation: number; readonly test: number };
  readonly dropped: readonly { readonly reason: string; readonly rows: number }[];
}

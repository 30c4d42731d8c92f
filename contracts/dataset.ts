import type { FeatureLayout, FittedFeature } from './fitted-feature.js';
import type { ImageInput } from './image-input.js';
import type { ArtifactRef } from './reference.js';
import type { Task } from './pipeline.js';
import type { SourceSpec } from './pipeline/source.js';
import type { ResolvedWindow } from './pipeline/window.js';

export type { FeatureLayout, FittedFeature } from './fitted-feature.js';

/** An immutable copy of a source: Parquet (zstd) in the artifact store, in one part or more, with a manifest beside it. */
export interface Snapshot {
  /** JSON of `SnapshotManifest`. */
  readonly manifest: ArtifactRef;
  /** sha256 that stands for the rows, wherever they came from: equal parts in equal order have equal digests. */
  readonly digest: string;
  readonly rows: number;
  /** True when the same source had been ingested before. */
  readonly reused: boolean;
  /** What somebody should know of how it was read, e.g. that empty files were left out. */
  readonly notes?: readonly string[];
}

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
}

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

export type SplitName = 'train' | 'validation' | 'test';

/** What a report says of a column's values in all rows or in a split. Figures that the column's type does not have are absent. */
export interface ColumnFigures {
  readonly rows: number;
  readonly missing: number;
  /** Number of different values: exact up to some thousands, then within about 2 %. Absent for images. */
  readonly distinct?: number;
  /** Numbers as they are; other values as text, cut to 200 characters, timestamps as `YYYY-MM-DD hh:mm:ss` in UTC. */
  readonly min?: number | string;
  readonly max?: number | string;
  readonly mean?: number;
  readonly standardDeviation?: number;
  /** Rows with the number 0. */
  readonly zeros?: number;
  /** At `quantileLevels`; timestamps in milliseconds since 1970. */
  readonly quantiles?: readonly number[];
  /** Characters of strings, bytes of images. */
  readonly length?: { readonly min: number; readonly mean: number; readonly max: number };
  /** Of strings, booleans and integers of few values: most frequent first; at most 50 in all rows, the same ones in every split. */
  readonly topValues?: readonly { readonly value: string; readonly rows: number }[];
  /** Rows in each bin between two neighbours of `histogramEdges`. */
  readonly histogram?: readonly number[];
}

export const quantileLevels = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;

/** A column in all rows of the snapshot, and in each split of the rows that broke no rule. */
export interface ColumnStatistics extends ColumnFigures {
  readonly column: string;
  readonly type: string;
  /** Absent when there were no clean rows to split. */
  readonly splits?: Readonly<Record<SplitName, ColumnFigures>>;
  /**
   * Of numbers and timestamps (milliseconds since 1970): increasing, the same for every split. Bins are [from, until), the
   * last one closed; the first and the last may be wide, so that a few values far out do not squeeze the others.
   */
  readonly histogramEdges?: readonly number[];
  /** Rows that quantiles, top values, histograms and mutual information were computed from, where those are not all. */
  readonly sampledRows?: number;
  /** The target's expression reads the column. */
  readonly isTargetSource?: true;
  /** What the column tells about the target in the training split. */
  readonly mutualInformation?: MutualInformation;
}

export interface MutualInformation {
  readonly nats: number;
  /** Share of the target's entropy, in [0, 1]. */
  readonly normalized: number;
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
  /** The source's columns and DuckDB's names of their types, in the order of the file. */
  readonly columns?: SnapshotManifest['columns'];
  readonly statistics: readonly ColumnStatistics[];
  /** Of the rows that broke no rule; a binary target as `false` and `true`. Absent when there are none. */
  readonly targetStatistics?: ColumnStatistics;
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

/** An input of the exported graph. */
export type ModelInput = RawInput | ImageInput;

/** The content of a transform artifact: from raw columns to the model's two matrices. */
export interface FittedTransform {
  readonly formatVersion: 1;
  /** Without the image. */
  readonly inputs: readonly RawInput[];
  readonly features: readonly FittedFeature[];
  /** Goes to the model as it is, divided by 255. */
  readonly image?: ImageInput;
  readonly layout: FeatureLayout;
}

/** A split as little-endian row-major arrays. */
export interface EncodedSplit {
  readonly rows: number;
  /** int32 [rows, C]; absent when there is no categorical feature. */
  readonly categorical?: ArtifactRef;
  /** float32 [rows, F]; absent when there is no numeric feature. */
  readonly numeric?: ArtifactRef;
  /** uint8 [rows, height · width · channels]; absent when there is no image. */
  readonly image?: ArtifactRef;
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
  /** JSON of `TrainingProfile`; absent in data sets from before it was made. */
  readonly profile?: ArtifactRef;
  readonly train: EncodedSplit;
  readonly validation: EncodedSplit;
  /** Of a fold of a cross-validation: the rows that are neither trained nor calibrated on. */
  readonly heldOut?: EncodedSplit;
  /**
   * Raw rows of the test split as Parquet: the raw input columns in the encoding of `RawInput` (missing values as SQL NULL), the image as BLOB,
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

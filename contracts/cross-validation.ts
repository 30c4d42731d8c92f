import type { TrackedRun } from './activities.js';
import type { CrossValidationSpec, MetricName, Metrics, PipelineSpec } from './pipeline.js';
import type { ArtifactRef } from './reference.js';
import type { MetricPoint } from './training.js';

export interface PrepareFoldsInput {
  readonly clean: ArtifactRef;
  readonly spec: PipelineSpec;
  /** The data set that the run prepared before; the folds share its classes and leave its test rows alone. */
  readonly prepared: ArtifactRef;
}

/** Rows of a fold: `validation` calibrates and stops the training, `heldOut` is what is measured. */
export interface FoldRows {
  readonly train: number;
  readonly validation: number;
  readonly heldOut: number;
}

export interface PreparedFold {
  /** From 1. */
  readonly fold: number;
  /** JSON of `PreparedManifest`, fitted on this fold's training rows, with `heldOut`. */
  readonly prepared: ArtifactRef;
  readonly rows: FoldRows;
}

export interface PreparedFolds {
  readonly folds: readonly PreparedFold[];
  /** Parquet of `row` (of the clean rows, from 1) and the `fold` that held it out, in the order of the rows. */
  readonly assignment: ArtifactRef;
}

export interface CrossValidationInput {
  /** The pipeline with the chosen parameters. */
  readonly spec: PipelineSpec;
  readonly crossValidation: CrossValidationSpec;
  readonly clean: ArtifactRef;
  readonly prepared: ArtifactRef;
  readonly snapshot: ArtifactRef;
  /** JSON of `ValidationReport`. */
  readonly validation: ArtifactRef;
  readonly tracked: TrackedRun;
}

export interface FoldInput {
  readonly prepared: PreparedFold;
  /** How many there are. */
  readonly folds: number;
  readonly spec: PipelineSpec;
  /** Absent in those of before it was there. */
  readonly tracked?: TrackedRun;
}

export interface FoldResult {
  readonly fold: number;
  readonly rows: FoldRows;
  /** On the rows that were held out. */
  readonly metrics: Metrics;
  /** float32 [rows, classes] or [rows]: as `HeldOutResult`. */
  readonly predictions: ArtifactRef;
  /** Curve of the training. */
  readonly history: readonly MetricPoint[];
}

export interface LogFoldInput extends FoldResult {
  readonly tracked: TrackedRun;
  /** Idempotency key: one nested run a fold. */
  readonly foldWorkflowId: string;
}

/** A metric over the folds. */
export interface FoldFigures {
  readonly mean: number;
  /** Of the sample (n − 1); 0 for one value. */
  readonly standardDeviation: number;
  /** By fold; null where the held-out rows do not define the metric. */
  readonly values: readonly (number | null)[];
}

export interface CrossValidationSummary {
  readonly kind: CrossValidationSpec['kind'];
  readonly workflowId: string;
  readonly folds: readonly { readonly fold: number; readonly rows: FoldRows }[];
  readonly metrics: Readonly<Partial<Record<MetricName, FoldFigures>>>;
  readonly labelIssues?: LabelIssuesResult;
}

export interface LogCrossValidationInput {
  readonly tracked: TrackedRun;
  readonly summary: CrossValidationSummary;
}

export interface FindLabelIssuesInput {
  readonly spec: PipelineSpec;
  readonly snapshot: ArtifactRef;
  readonly validation: ArtifactRef;
  readonly clean: ArtifactRef;
  readonly prepared: ArtifactRef;
  readonly assignment: ArtifactRef;
  /** In the order of their numbers. */
  readonly folds: readonly (Pick<FoldResult, 'fold' | 'predictions'> & Pick<PreparedFold, 'prepared'>)[];
}

export interface LabelIssuesResult {
  /** Rows that are probably mislabelled. */
  readonly rows: number;
  /** Of the rows that were looked at. */
  readonly share: number;
  /** JSON of `LabelIssuesReport`. */
  readonly report: ArtifactRef;
}

/** The content of a label issues artifact. */
export interface LabelIssuesReport {
  readonly formatVersion: 1;
  /** Rows of the training and validation parts that were looked at. */
  readonly rows: number;
  /** Rows that are probably mislabelled, of which the first `issues.length` are listed. */
  readonly found: number;
  readonly classes: readonly string[];
  /** Mean probability of a class among the rows that bear it: from there on a row counts as confidently of the class. */
  readonly thresholds: Readonly<Record<string, number>>;
  /** Estimated share of the rows given a class that belong to another one; the largest first. */
  readonly noise: readonly { readonly given: string; readonly likely: string; readonly rows: number; readonly share: number }[];
  /** The most suspicious first. */
  readonly issues: readonly LabelIssue[];
  /** Parquet of every row: `row` of the clean rows, `fold`, `given`, and `probabilities`, out of fold, in the order of `classes`. */
  readonly outOfFold: ArtifactRef;
}

export interface LabelIssue {
  /** Number of the row in the source, from 1. */
  readonly row: number;
  readonly given: string;
  readonly likely: string;
  /** Out-of-fold probabilities of the given and of the likely class. */
  readonly givenProbability: number;
  readonly likelyProbability: number;
  /** The row as it came. */
  readonly values: Readonly<Record<string, string | number | boolean | null>>;
}

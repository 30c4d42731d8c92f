import type {
  FindLabelIssuesInput,
  LabelIssuesResult,
  LogCrossValidationInput,
  LogFoldInput,
  PreparedFolds,
  PrepareFoldsInput,
} from './cross-validation.js';
import type { Anomaly, PreparedDataset, Snapshot } from './dataset.js';
import type { EvaluationReport, ModelBundle } from './model.js';
import type { Metrics, PipelineSpec, SourceSpec } from './pipeline.js';
import type { DataSpec } from './pipeline/data.js';
import type { ResolvedWindow } from './pipeline/window.js';
import type { NamedEngine } from './pipeline/training.js';
import type { ArtifactRef } from './reference.js';
import type {
  ActivateVersionInput,
  LoadVersionInput,
  LoadVersionResult,
  PredictInput,
  PredictResult,
  PromoteInput,
  RolloutResult,
  ServedVersion,
} from './serving.js';
import type { MetricPoint, TrainInput, TrainResult } from './training.js';

/**
 * The activities by the task queue that runs them. Each takes one object, may run more than once,
 * and fails with a non-retryable failure of a type in `failures.ts` when a retry cannot help.
 */

export interface ValidationResult {
  /** JSON of `ValidationReport`. */
  readonly report: ArtifactRef;
  /** The report as a page of HTML. */
  readonly page?: ArtifactRef;
  /** Whether no anomaly is an error. */
  readonly passed: boolean;
  /** Parquet of the rows that broke no rule; absent when no model can be made of them, whatever somebody decides. */
  readonly clean?: ArtifactRef;
  /** When not passed: what is wrong and what to do, one paragraph. */
  readonly refusal?: string;
  readonly rows: number;
  readonly quarantined: readonly { readonly reason: string; readonly rows: number }[];
  readonly anomalies: readonly Anomaly[];
}

export interface ExportInput {
  readonly spec: PipelineSpec;
  readonly prepared: ArtifactRef;
  readonly checkpoint: ArtifactRef;
  /** Digest of the snapshot, for the manifest. */
  readonly dataDigest: string;
}

export interface EvaluateInput {
  readonly spec: PipelineSpec;
  readonly prepared: ArtifactRef;
  readonly bundle: ModelBundle;
  readonly champion?: ServedVersion;
}

export interface EvaluationResult {
  /** JSON of `EvaluationReport`. */
  readonly report: ArtifactRef;
  /** The report without its slices and calibration bins, which are long. */
  readonly summary: Pick<
    EvaluationReport,
    'rows' | 'metrics' | 'baseline' | 'champion' | 'championSkipped' | 'threshold' | 'confusion' | 'primaryMetric'
  >;
}

export interface IngestInput {
  readonly source: SourceSpec;
  readonly window?: ResolvedWindow;
  readonly data: DataSpec;
}

/** One of both. */
export interface IngestResult {
  readonly snapshot?: Snapshot;
  readonly plan?: {
    /** JSON of `IngestionPlan`. */
    readonly plan: ArtifactRef;
    readonly partitions: number;
    readonly files: number;
    readonly sizeBytes: number;
  };
}

export interface IngestPartitionInput {
  /** JSON of `IngestionPlan`. */
  readonly plan: ArtifactRef;
  /** From 0. */
  readonly partition: number;
  readonly data: DataSpec;
}

export interface IngestedPartition {
  /** JSON of `IngestedFile[]`. */
  readonly files: ArtifactRef;
}

export interface SealInput {
  /** JSON of `IngestionPlan`. */
  readonly plan: ArtifactRef;
  readonly partitions: readonly IngestedPartition[];
  readonly data: DataSpec;
}

/** Queue `anneal-data`. */
export interface DataActivities {
  /** A source of one partition, or of no more than its size, is ingested at once; of a larger one the plan comes back. */
  ingestSource(input: IngestInput): Promise<IngestResult>;
  /** @returns what `sealSnapshot` takes */
  ingestPartition(input: IngestPartitionInput): Promise<IngestedPartition>;
  /** One snapshot of all partitions, given in their order; of a query, its result. */
  sealSnapshot(input: SealInput): Promise<Snapshot>;
  /** Bad data are a result, not a failure: somebody may override it. */
  validateDataset(input: { readonly snapshot: Snapshot; readonly spec: PipelineSpec }): Promise<ValidationResult>;
  /** What tells whether the source has changed, without reading its content. */
  sourceIdentity(input: { readonly source: SourceSpec }): Promise<{ readonly identity: string }>;
  /** The validated data become what the next run of the pipeline is compared with. Last writer wins. */
  acceptDataset(input: { readonly pipeline: string; readonly report: ArtifactRef }): Promise<void>;
  prepareDataset(input: { readonly clean: ArtifactRef; readonly spec: PipelineSpec }): Promise<PreparedDataset>;
  /** Every fold of a cross-validation as a prepared data set of its own. */
  prepareFolds(input: PrepareFoldsInput): Promise<PreparedFolds>;
  /** The rows whose given class the folds that did not train on them doubt most. */
  findLabelIssues(input: FindLabelIssuesInput): Promise<LabelIssuesResult>;
  exportModel(input: ExportInput): Promise<ModelBundle>;
  evaluateModel(input: EvaluateInput): Promise<EvaluationResult>;
}

/** Queue `anneal-training`. */
export interface TrainingActivities {
  /** Heartbeats `TrainProgress`; resumes from the newest checkpoint of `key`. */
  trainModel(input: TrainInput): Promise<TrainResult>;
  /** Fails with `InvalidModel` when the worker lacks one; says which it has. */
  checkEngines(input: { readonly engines: readonly NamedEngine[] }): Promise<void>;
}

/** Where a run is recorded in MLflow. */
export interface TrackedRun {
  readonly experimentId: string;
  readonly runId: string;
  /** Page of the run in MLflow's UI. */
  readonly url: string;
}

export interface OpenRunInput {
  readonly spec: PipelineSpec;
  /** Run id of the pipeline (last segment of its workflow id). */
  readonly run: string;
  readonly workflowId: string;
  readonly temporalRunId: string;
}

export interface LogTrialInput {
  readonly tracked: TrackedRun;
  /** Idempotency key: one nested run a trial. */
  readonly trialWorkflowId: string;
  readonly trial: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly state: 'completed' | 'pruned' | 'failed';
  readonly metrics: Metrics;
  readonly history: readonly MetricPoint[];
}

export interface LogDataReportInput {
  readonly tracked: TrackedRun;
  readonly validation: Pick<ValidationResult, 'report' | 'page'>;
}

export interface LogDatasetInput {
  readonly tracked: TrackedRun;
  readonly snapshot: Snapshot;
  readonly validation: ValidationResult;
  readonly prepared: PreparedDataset;
}

/** What a run says about itself in MLflow while it goes on. */
export interface RunTags {
  /** What the run waits for, e.g. `override`; empty when it goes on. */
  readonly waitsFor?: 'override' | '';
  /** Reason why data that did not meet the expectations were let pass. */
  readonly dataOverride?: string;
}

export interface RegisterInput {
  readonly tracked: TrackedRun;
  readonly spec: PipelineSpec;
  readonly workflowId: string;
  /** When the run started, milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly bundle: ModelBundle;
  readonly evaluation: EvaluationResult;
  readonly training: TrainResult;
  /** Of the run's own training, where `training` is a trial's; default: that of `training`. */
  readonly curve?: readonly MetricPoint[];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly dataDigest: string;
  /** Reason why data that did not meet the expectations were let pass. */
  readonly dataOverride?: string;
}

export type RunOutcome = 'promoted' | 'rejected' | 'failed' | 'cancelled';

/** Queue `anneal-orchestration`: light I/O against MLflow and Temporal. */
export interface TrackingActivities {
  /** Experiment named like the pipeline, parent run tagged with the workflow id; the same run again on a retry. */
  openRun(input: OpenRunInput): Promise<TrackedRun>;
  /** The report of a validation, also of data that did not pass: `reports/validation.json` and `reports/data.html`. The last one stays. */
  logDataReport(input: LogDataReportInput): Promise<void>;
  logDataset(input: LogDatasetInput): Promise<void>;
  logTrial(input: LogTrialInput): Promise<void>;
  logFold(input: LogFoldInput): Promise<void>;
  /** Figures over the folds in the parent run, reports as its artifacts. */
  logCrossValidation(input: LogCrossValidationInput): Promise<void>;
  /** Sets tags of the run's page; an empty value says that it no longer holds. */
  tagRun(input: { readonly tracked: TrackedRun; readonly tags: RunTags }): Promise<void>;
  /** Uploads ONNX + MLmodel + reports, creates the version, sets alias `challenger`. One version a run, also on a retry. */
  registerModelVersion(input: RegisterInput): Promise<ServedVersion>;
  closeRun(input: { readonly tracked: TrackedRun; readonly outcome: RunOutcome; readonly reason?: string }): Promise<void>;
  setModelAlias(input: { readonly model: string; readonly alias: string; readonly version: string }): Promise<void>;
  /** @throws `UnknownModelVersion` */
  resolveModelVersion(input: { readonly model: string; readonly version: string }): Promise<ServedVersion>;
  /** The champion by the model's lifecycle; undefined when there is none. */
  currentChampion(input: { readonly model: string }): Promise<ServedVersion | undefined>;
  /** Starts `modelLifecycle` when it does not run, sends `promote`, waits for the fleet. @throws `Superseded` as the input asks for */
  promoteVersion(input: PromoteInput & { readonly model: string; readonly requestId: string }): Promise<RolloutResult>;
}

/** Queue `anneal-host-<hostId>`. */
export interface HostActivities {
  loadVersion(input: LoadVersionInput): Promise<LoadVersionResult>;
  activateVersion(input: ActivateVersionInput): Promise<{ readonly hostId: string; readonly epoch: number }>;
}

/** Queue `anneal-inference`. */
export interface InferenceActivities {
  predict(input: PredictInput): Promise<PredictResult>;
}

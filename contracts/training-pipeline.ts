import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { RunOutcome, TrackedRun } from './activities.js';
import type { CrossValidationSummary } from './cross-validation.js';
import type { Anomaly } from './dataset.js';
import type { GateResult } from './model.js';
import type { MetricName, Metrics, PipelineSpec, SweepSpec } from './pipeline.js';
import type { ArtifactRef } from './reference.js';
import type { RolloutResult } from './serving.js';
import type { TrainResult } from './training.js';

export const workflowTypes = {
  trainingPipeline: 'trainingPipeline',
  sweep: 'sweep',
  trial: 'trial',
  crossValidation: 'crossValidation',
  fold: 'fold',
  modelLifecycle: 'modelLifecycle',
  rollout: 'rollout',
  batchInference: 'batchInference',
} as const;

export const stageNames = ['ingest', 'validate', 'prepare', 'sweep', 'cross-validate', 'train', 'evaluate', 'register', 'promote'] as const;
export type StageName = (typeof stageNames)[number];
export type StageState = 'pending' | 'running' | 'done' | 'skipped' | 'failed' | 'waiting';

export interface StageStatus {
  readonly name: StageName;
  readonly state: StageState;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  /** One line for people, e.g. "3,000,000 rows, reused". */
  readonly summary?: string;
}

export interface TrainingPipelineInput {
  readonly spec: PipelineSpec;
}

/** Answer of the `status` query, while the run goes on and after it has ended. */
export interface PipelineStatus {
  readonly pipeline: string;
  readonly run: string;
  readonly workflowId: string;
  readonly state: 'running' | 'awaiting-approval' | 'awaiting-override' | RunOutcome;
  readonly stages: readonly StageStatus[];
  /** Set once the sweep has started; its `sweepStatus` query tells of the trials. */
  readonly sweepWorkflowId?: string;
  readonly primaryMetric: MetricName;
  /** Of the chosen configuration, on rows of the training and validation parts that were held out. */
  readonly crossValidation?: CrossValidationSummary;
  readonly test?: Metrics;
  readonly baseline?: Metrics;
  readonly champion?: { readonly version: string; readonly metrics: Metrics };
  readonly gates?: readonly GateResult[];
  /** Said of a model that does no better on the test part than the naive baseline; one of the `warnings`. */
  readonly belowBaseline?: string;
  readonly version?: string;
  /** sha256 of the exported ONNX model. */
  readonly modelDigest?: string;
  readonly dataDigest?: string;
  /** Set once the model is trained. */
  readonly trained?: TrainedDigests;
  readonly tracked?: TrackedRun;
  readonly rollout?: RolloutResult;
  readonly anomalies?: readonly Anomaly[];
  /** JSON of `ValidationReport`, as soon as the data were validated. */
  readonly validationReport?: ArtifactRef;
  /** The same as a page of HTML. */
  readonly validationPage?: ArtifactRef;
  /** Set while the run waits for somebody to override the validation, or for a source that was mended. */
  readonly awaitsOverride?: AwaitedOverride;
  /** Data that did not meet the expectations, and who let them pass. */
  readonly dataOverride?: DataOverride;
  readonly warnings: readonly string[];
  /** Why it was rejected or has failed; one paragraph. */
  readonly reason?: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
}

export interface AwaitedOverride {
  /** What is wrong and what to do, one paragraph. */
  readonly refusal: string;
  /** Whether there are rows that a model could be made of. */
  readonly canOverride: boolean;
  /** Why nobody can let the data pass, where that is so. */
  readonly obstacle?: string;
  /** The run fails when nothing has happened by then. */
  readonly untilMs: number;
  /** How often the source was looked at again. */
  readonly looks: number;
}

export interface DataOverride {
  readonly reason: string;
  readonly atMs: number;
  /** The errors that were let pass, by rule and column, e.g. `leakage of "delay"`. */
  readonly errors: readonly string[];
}

/** What two trainings are compared by. */
export interface TrainedDigests {
  readonly seed: number;
  /** sha256 of the parameters that came out. */
  readonly parametersDigest: string;
  /** sha256 of data, code, seed and configuration: equal ones come to equal parameters, on one engine that promises it. */
  readonly trainingDigest?: string;
}

/** Result of the workflow, and, with `links`, what `anneal run --wait --json` prints. */
export interface RunResult {
  readonly run: string;
  readonly status: RunOutcome;
  readonly model: string;
  readonly version?: string;
  readonly metrics: { readonly test?: Metrics; readonly baseline?: Metrics; readonly champion?: Metrics };
  readonly modelDigest?: string;
  readonly trained?: TrainedDigests;
  readonly reason?: string;
  /** Absent where there are none. */
  readonly warnings?: readonly string[];
  readonly durationMs: number;
}

export interface ApprovalInput {
  readonly reason: string;
}

export const statusQuery = defineQuery<PipelineStatus>('status');
/** Accepted only while the run awaits approval. */
export const approveUpdate = defineUpdate<void, [ApprovalInput]>('approve');
/** Accepted only while the run awaits approval. */
export const rejectUpdate = defineUpdate<void, [ApprovalInput]>('reject');

/** Accepted only while the run waits with data that a model could be made of. */
export const overrideValidationUpdate = defineUpdate<void, [ApprovalInput]>('overrideValidation');
/** Read the source again now, and validate it. Accepted only while the run waits for an override. */
export const recheckSourceUpdate = defineUpdate<void, []>('recheckSource');

/** A trial `waiting` has its turn and no training slot; the command finds that out, the sweep calls it running. */
export type TrialState = 'pending' | 'waiting' | 'running' | 'paused' | 'pruned' | 'completed' | 'failed';

export interface TrialStatus {
  readonly trial: number;
  readonly workflowId: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly state: TrialState;
  /** Rung that it runs or has finished last, from 0. */
  readonly rung: number;
  /** Primary metric on the validation part at the last finished rung. */
  readonly metric?: number;
  readonly failure?: string;
}

export interface SweepStatus {
  readonly primaryMetric: MetricName;
  readonly rungs: readonly number[];
  readonly trials: readonly TrialStatus[];
  readonly best?: number;
}

export const sweepStatusQuery = defineQuery<SweepStatus>('sweepStatus');

export interface SweepInput {
  readonly spec: PipelineSpec;
  readonly sweep: SweepSpec;
  readonly prepared: ArtifactRef;
  readonly tracked: TrackedRun;
}

export interface SweepResult {
  readonly best: {
    readonly trial: number;
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly metric: number;
    /** Up to its last rung; absent in results of before it was there. */
    readonly training?: TrainResult;
  };
  readonly trials: readonly TrialStatus[];
}

export interface TrialInput {
  readonly sweepWorkflowId: string;
  readonly trial: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The pipeline with the parameters applied. */
  readonly spec: PipelineSpec;
  readonly rungs: readonly number[];
  readonly prepared: ArtifactRef;
  readonly tracked: TrackedRun;
  readonly validationRows: number;
}

/** A trial tells its sweep how a rung ended. */
export interface RungReport {
  readonly trial: number;
  readonly rung: number;
  readonly metric?: number;
  readonly failure?: string;
  /** The file of the user's model failed, which is the same for every trial of the same `model`. */
  readonly isOfModelFile?: true;
}

export const rungReportSignal = defineSignal<[RungReport]>('rungReport');
/** The sweep tells a trial whether it goes on to the next rung. */
export const rungDecisionSignal = defineSignal<[{ readonly rung: number; readonly proceed: boolean }]>('rungDecision');

export interface TrialResult {
  readonly trial: number;
  readonly state: 'completed' | 'pruned' | 'failed';
  readonly training?: TrainResult;
}

export interface ModelLifecycleInput {
  readonly model: string;
  /** Carried over when the workflow continues as new. */
  readonly carried?: unknown;
}

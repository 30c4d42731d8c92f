import type { MetricName, Metrics, ModelSpec, TrainingSpec } from './pipeline.js';
import type { ArtifactRef } from './reference.js';

/** One training activity: train a configuration up to a step, from a checkpoint if there is one. */
export interface TrainInput {
  /** Stable across attempts: names the checkpoints of this piece of work. The trial's workflow id, or the run's. */
  readonly key: string;
  /** JSON of `PreparedManifest`. */
  readonly prepared: ArtifactRef;
  readonly model: ModelSpec;
  readonly training: TrainingSpec;
  readonly primaryMetric: MetricName;
  /** Length of the learning-rate schedule in steps; default: `epochs` × steps per epoch. */
  readonly totalSteps?: number;
  /** Stop here and keep the checkpoint (the end of a rung); default `totalSteps`. */
  readonly untilStep?: number;
  /** Where the last rung ended. A checkpoint of an earlier attempt with the same key goes before it when it is further. */
  readonly resumeFrom?: ArtifactRef;
  /** Validate on at most this many rows, the first of the split in a fixed pseudo-random order; default all. */
  readonly validationRows?: number;
  /** Absent: MLflow hears of the training when it has ended. */
  readonly page?: TrainingPage;
}

/** Where MLflow shows the curves of a training while it goes on: in the page of its run, which may open later, or in a nested one. */
export type TrainingPage = { readonly pipeline: string; readonly workflowId: string } | NestedPage;

/** Of a trial or a fold. */
export interface NestedPage {
  readonly experimentId: string;
  /** Of the pipeline run. */
  readonly runId: string;
  readonly nested: { readonly kind: 'trial' | 'fold'; readonly number: number; readonly workflowId: string };
}

export interface MetricPoint {
  readonly step: number;
  /** `loss` of the training mini-batches, or a validation metric as `validation/<name>`. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** What the best state predicts for the rows that a fold holds out. */
export interface HeldOutResult {
  readonly metrics: Metrics;
  /** float32, little-endian: positive probability [rows], probabilities [rows, classes], or values [rows]. */
  readonly predictions: ArtifactRef;
}

export interface TrainResult {
  readonly checkpoint: ArtifactRef;
  readonly step: number;
  readonly epoch: number;
  /** Of the best state, which is the one that the checkpoint exports. */
  readonly validation: Metrics;
  /** Decided on the validation part: maximizes F1 (binary). */
  readonly threshold?: number;
  /** Of a fold of a cross-validation. */
  readonly heldOut?: HeldOutResult;
  /** Thinned to at most 100 points. */
  readonly history: readonly MetricPoint[];
  readonly stopped: 'completed' | 'early' | 'rung';
  readonly engine: { readonly name: string; readonly reason: string };
  /** sha256 of data, code, seed and configuration; absent in results of before it was there. */
  readonly digest?: string;
  /** Versions of the programs that the digest covers. */
  readonly codeVersion?: string;
  /** sha256 of the exported parameters. */
  readonly parametersDigest: string;
  readonly parameters: number;
  /** Of this attempt, within the engine. */
  readonly rowsPerSecond: number;
  /** Of the whole training: what earlier attempts and rungs took up to the checkpoint that this one went on from is in it. */
  readonly durationMs: number;
  /** Step that this attempt began at; 0 unless it resumed. */
  readonly resumedAtStep: number;
  /** Why it did not go on from a checkpoint that there was; for people. */
  readonly beganAnew?: string;
}

/** Pauses before another attempt of a training: the first, doubled with each, and the longest; and how many attempts there may be in vain. */
export const trainingRetry = { initialIntervalMs: 1000, maximumIntervalMs: 30_000, mostInVain: 20 } as const;

/** Of the training processes of an activity, since they last got further. */
export interface FailuresInVain {
  /** Of the furthest checkpoint; 0 without one. */
  readonly step: number;
  readonly failures: number;
  /** Those of `failures` in which what runs in the process ended it: an exit by itself, or with a model file a crash from within. */
  readonly exits: number;
}

/** Attempts of a training activity that were begun since it last got further. */
export interface AttemptsInVain {
  /** Of the furthest checkpoint; 0 without one. */
  readonly step: number;
  readonly begun: number;
}

/** Heartbeat details of a training activity; the terminal shows them live. */
export interface TrainProgress {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly loss: number;
  readonly rowsPerSecond: number;
  readonly etaSeconds: number;
  /** Of the newest validation, which need not be the best; absent before the first. */
  readonly validation?: Metrics;
  /** The newest checkpoint, complete and in the store. */
  readonly checkpoint?: ArtifactRef;
  /** Failures of earlier attempts. */
  readonly inVain?: FailuresInVain;
  /** With this one; absent in those of older versions. */
  readonly attempts?: AttemptsInVain;
}

import type { FeatureLayout, ModelInput } from './dataset.js';
import type { GateSpec, MetricName, Metrics, ServingSpec, Task } from './pipeline.js';
import type { ArtifactRef } from './reference.js';

/** Everything that a host needs to serve one version; content-addressed, so equal bundles are the same model. */
export interface ModelBundle {
  /** The ONNX file, from raw columns to prediction. Its sha256 is the model's digest. */
  readonly model: ArtifactRef;
  /** JSON of `ModelManifest`. */
  readonly manifest: ArtifactRef;
  /** JSON of `GoldenOutputs`. */
  readonly golden: ArtifactRef;
}

/** Names of the graph's outputs; no raw column that a feature reads may bear one of them. */
export const modelOutputs = { probabilities: 'probabilities', classIndex: 'class_index', value: 'value' } as const;

/**
 * Outputs of the graph. Classification: `probabilities` float32 [N, classes] (binary: two columns) and
 * `class_index` int64 [N, 1], with the chosen threshold applied inside the graph. Regression: `value` float32 [N, 1].
 */
export interface ModelManifest {
  readonly formatVersion: 1;
  readonly name: string;
  readonly task: Task;
  readonly classes: readonly string[];
  /** Binary only: probability of the positive class from which on `class_index` is 1. */
  readonly threshold?: number;
  readonly inputs: readonly ModelInput[];
  readonly layout: FeatureLayout;
  /** Class shares of the training part, or [mean, standard deviation]. */
  readonly trainingPrior: readonly number[];
  /** How hosts serve it, as its pipeline says. */
  readonly serving?: ServingSpec;
  /** sha256 of the snapshot that it was trained on. */
  readonly dataDigest: string;
}

/** Inputs with the outputs that the exporting process computed; a host serves a version only when it reproduces them. */
export interface GoldenOutputs {
  /** Rows by column name, as a caller of the row-oriented API would send them; images as base64 of their bytes. */
  readonly instances: readonly Readonly<Record<string, string | number | null>>[];
  /** `probabilities` or `value`, a row each. */
  readonly outputs: readonly (readonly number[])[];
  /** Largest absolute difference that counts as equal. */
  readonly tolerance: number;
}

export interface GateResult {
  readonly gate: GateSpec;
  readonly passed: boolean;
  /** One sentence with the figures, e.g. "auc 0.738 ≥ 0.71". */
  readonly explanation: string;
}

export interface SliceMetrics {
  readonly slice: string;
  readonly value: string;
  readonly rows: number;
  readonly metrics: Metrics;
}

/** The content of an evaluation report artifact. */
export interface EvaluationReport {
  readonly rows: number;
  readonly metrics: Metrics;
  /** The constant prediction of the training prior. */
  readonly baseline: Metrics;
  /** The champion at the time, on the same rows. */
  readonly champion?: { readonly version: string; readonly metrics: Metrics };
  /** Why there is a champion and yet no comparison, e.g. an input that the test rows do not have. */
  readonly championSkipped?: string;
  /** Equal-width bins of the predicted probability (binary). */
  readonly calibration?: readonly {
    readonly from: number;
    readonly until: number;
    readonly rows: number;
    readonly meanPredicted: number;
    readonly observed: number;
  }[];
  readonly threshold?: number;
  /** `confusion[actual][predicted]`, rows. */
  readonly confusion?: readonly (readonly number[])[];
  readonly slices: readonly SliceMetrics[];
  readonly primaryMetric: MetricName;
}

import type { FeatureLayout, ModelInput } from './dataset.js';
import type { GateSpec, MetricName, Metrics, ServingSpec, Task } from './pipeline.js';
import type { ArtifactRef } from './reference.js';
import type { ColumnProfile } from './training-profile.js';

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
export const modelOutputs = {
  probabilities: 'probabilities',
  classIndex: 'class_index',
  value: 'value',
  quantiles: 'quantiles',
  labels: 'labels',
  anomaly: 'anomaly',
} as const;

/**
 * Names that no raw column may bear; only a model that has them reserves the outputs that came later. `anomaly` is not among them: a
 * model that reads a column of that name has no such output.
 */
export function reservedOutputs(model: { readonly quantiles?: readonly number[]; readonly isMultilabel: boolean }): readonly string[] {
  const { probabilities, classIndex, value, quantiles, labels } = modelOutputs;
  return [probabilities, classIndex, value, ...(model.quantiles ? [quantiles] : []), ...(model.isMultilabel ? [labels] : [])];
}

/**
 * Outputs of the graph. Classification: `probabilities` float32 [N, classes] (binary: two columns) and
 * `class_index` int64 [N, 1], with the chosen threshold applied inside the graph. Multilabel:
 * `probabilities` float32 [N, labels] and `labels` int64 [N, labels], 1 from each label's threshold on. Regression: `value` float32 [N, 1],
 * and where quantiles are predicted `quantiles` float32 [N, quantiles], ascending, of which `value` is the median. With `hasAnomaly` also
 * `anomaly` float32 [N, 1]: the share of training rows that are less unusual than the row.
 */
export interface ModelManifest {
  readonly formatVersion: 1;
  readonly name: string;
  readonly task: Task;
  readonly classes: readonly string[];
  /** Binary only: probability of the positive class from which on `class_index` is 1. */
  readonly threshold?: number;
  /** Multilabel only: the same for each label, in the order of `classes`, which are the labels. */
  readonly thresholds?: readonly number[];
  /** Of a regression that predicts quantiles, ascending; 0.5 is among them. */
  readonly quantiles?: readonly number[];
  readonly inputs: readonly ModelInput[];
  readonly layout: FeatureLayout;
  /** Class shares of the training part (of each label, how many rows have it), or [mean, standard deviation], followed by the quantiles where some are predicted. */
  readonly trainingPrior: readonly number[];
  /** How hosts serve it, as its pipeline says. */
  readonly serving?: ServingSpec;
  /** sha256 of the snapshot that it was trained on. */
  readonly dataDigest: string;
  /** What the pipeline declares of the values of an input, by its name; absent in versions from before it was kept. */
  readonly declared?: Readonly<Record<string, DeclaredValues>>;
  /** What the training rows had in each column but images; absent in versions from before it was kept. */
  readonly profile?: readonly ColumnProfile[];
  /** Whether the graph has the output `anomaly`. */
  readonly hasAnomaly?: true;
}

/** Bounds of a column (ISO dates of a timestamp), both included, and its categories. */
export interface DeclaredValues {
  readonly min?: number | string;
  readonly max?: number | string;
  readonly allowed?: readonly string[];
}

/** Inputs with the outputs that the exporting process computed; a host serves a version only when it reproduces them. */
export interface GoldenOutputs {
  /** Rows by column name, as a caller of the row-oriented API would send them; images as base64 of their bytes. */
  readonly instances: readonly Readonly<Record<string, string | number | null>>[];
  /** `probabilities`, `quantiles` or `value`, a row each. */
  readonly outputs: readonly (readonly number[])[];
  /** Largest absolute difference that counts as equal. */
  readonly tolerance: number;
  /** The output `anomaly`, one a row, where the graph has it. */
  readonly anomaly?: readonly number[];
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
  /** Share of the test rows whose anomaly score is at least the threshold; of rows like those of training it is 1 − threshold. */
  readonly anomaly?: readonly { readonly threshold: number; readonly share: number }[];
  /** Multilabel: the metrics of each label by its name. */
  readonly labels?: Readonly<Record<string, Metrics>>;
  /** `confusion[actual][predicted]`, rows. */
  readonly confusion?: readonly (readonly number[])[];
  readonly slices: readonly SliceMetrics[];
  readonly primaryMetric: MetricName;
}

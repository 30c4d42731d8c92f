import { createHash } from 'node:crypto';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import {
  type LossSpec,
  type MetricName,
  type ModelSpec,
  quantilesOf,
  type Task,
  taskMetrics,
  type TrainingSpec,
} from '../../contracts/pipeline.js';
import { targetScaling } from '../evaluate/calibration/prediction-calibration.js';
import { createAugmentationPlan } from './augmentation/augmentation-plan.js';
import { type ImbalancePlan, createImbalancePlan } from './rows/imbalance-plan.js';
import { codeVersion } from './code-version.js';
import { encodedRowBytes } from './rows/encoded-reader.js';
import type { EncodedData, StepPlan } from './engine.js';
import { createOptimizerPlan } from './optimizer/optimizer-plan.js';
import { epochBatches } from './rows/order.js';
import { type StreamingPlan, planStreaming, windowSteps } from './rows/streamed-order.js';
import { canonicalJson } from '../../contracts/canonical-json.js';

/** What is asked for: a part of `TrainInput`, with what the prepared data set says about itself. */
export interface TrainingRequest {
  readonly model: ModelSpec;
  readonly training: TrainingSpec;
  readonly primaryMetric: MetricName;
  readonly totalSteps?: number;
  readonly validationRows?: number;
  readonly task: Task;
  /** Number of classes; 0 for a regression. */
  readonly classes: number;
  /** In the order of the indices; needed where classes are weighed by name. */
  readonly classNames?: readonly string[];
  readonly layout: FeatureLayout;
  /** Class shares of the training part, or [mean, standard deviation, quantiles that are predicted…] of a regression target. */
  readonly trainingPrior: readonly number[];
  /** Stands for the content of the training and validation parts. */
  readonly dataDigest: string;
  readonly threads: number;
}

/** Everything that decides the result of a run, worked out; the result is a pure function of it and the data. */
export interface TrainingPlan {
  readonly step: StepPlan;
  /** Rows of each class that an epoch visits; absent: every row once. */
  readonly sampledCounts?: readonly number[];
  /** Absent: the rows are in memory. */
  readonly streaming?: StreamingPlan;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Epochs that `totalSteps` reaches into. */
  readonly epochs: number;
  readonly learningRate: number;
  readonly schedule: TrainingSpec['schedule'];
  readonly earlyStopping?: TrainingSpec['earlyStopping'];
  readonly primaryMetric: MetricName;
  readonly trainingPrior: readonly number[];
  readonly validationRows?: number;
  readonly dataDigest: string;
}

/**
 * @param target of the training part, not yet scaled, shape [rows]
 * @param numeric of the training part, shape [rows, F]; needed where its rows are augmented
 * @throws AnnealError `InvalidPipeline` when the task does not have the primary metric or a class that has a weight, `InvalidData`
 *   when there is no row
 */
export function createTrainingPlan(request: TrainingRequest, target: Float32Array, numeric?: Float32Array): TrainingPlan {
  const { task, training, primaryMetric } = request;
  if (!taskMetrics[task].includes(primaryMetric)) {
    const possible = taskMetrics[task].join(', ');
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `The primary metric "${primaryMetric}" is not measured for a ${task} target. Set evaluation.primaryMetric to one of ${possible}.`,
    );
  }
  if (target.length === 0) {
    throw new AnnealError(
      failureTypes.invalidData,
      'The training part has no rows. Expected at least one. Widen the range of split.train, or look into the validation report for rows that were taken out.',
    );
  }
  const imbalance: ImbalancePlan =
    task === 'regression' || task === 'multilabel' ? {} : createImbalancePlan(training, task, target, request);
  const epochRows = imbalance.sampledCounts?.reduce((sum, count) => sum + count, 0) ?? target.length;
  const streaming = streamingPlan(request, target.length);
  if (streaming && imbalance.sampledCounts) {
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `training.sampling draws rows from all of the training part, whose ${target.length} rows do not fit into the ${residentMegabytes(training)} MB that training.residentMegabytes allows. Expected a part that does, or no sampling. Raise training.residentMegabytes, or balance the classes by training.classWeights.`,
    );
  }
  const whole = epochBatches(epochRows, training.batchSize);
  const { batchSize } = whole;
  const stepsPerEpoch = streaming
    ? windowSteps(streaming, target.length, batchSize).reduce((sum, steps) => sum + steps, 0)
    : whole.stepsPerEpoch;
  const totalSteps = request.totalSteps ?? training.epochs * stepsPerEpoch;
  const { classWeights, classShift, sampledCounts } = imbalance;
  const augmentation = createAugmentationPlan(training.augmentation, request.layout.numeric.length, numeric);
  return {
    step: {
      model: request.model,
      layout: request.layout,
      task,
      outputs: task === 'multiclass' || task === 'multilabel' ? request.classes : (quantilesOf(training)?.length ?? 1),
      batchSize,
      optimizer: createOptimizerPlan(training),
      ...(classWeights ? { classWeights } : {}),
      ...(classShift ? { classShift } : {}),
      // A loss that is named though it is the default gives the same plan as one that is not.
      ...(training.loss && !isDefaultLoss(training.loss.kind) ? { loss: training.loss } : {}),
      ...(training.labelSmoothing ? { labelSmoothing: training.labelSmoothing } : {}),
      ...(augmentation ? { augmentation } : {}),
      seed: training.seed,
      threads: request.threads,
    },
    ...(sampledCounts ? { sampledCounts } : {}),
    ...(streaming ? { streaming } : {}),
    totalSteps,
    stepsPerEpoch,
    epochs: Math.ceil(totalSteps / stepsPerEpoch),
    learningRate: training.learningRate,
    schedule: training.schedule,
    ...(training.earlyStopping ? { earlyStopping: training.earlyStopping } : {}),
    primaryMetric,
    trainingPrior: request.trainingPrior,
    ...(request.validationRows === undefined ? {} : { validationRows: request.validationRows }),
    dataDigest: request.dataDigest,
  };
}

/** Encoded data up to so many MB are held in memory. */
const defaultResidentMegabytes = 512;

function residentMegabytes({ residentMegabytes: asked }: TrainingSpec): number {
  return asked ?? defaultResidentMegabytes;
}

/** Whether rows of a split had better be read as they are needed; of a validation part, which is only looked at, sooner. */
export function isLarge({ training, layout }: Pick<TrainingRequest, 'training' | 'layout'>, rows: number, share = 1): boolean {
  return rows * encodedRowBytes(layout) > residentMegabytes(training) * 1e6 * share;
}

/** Two windows, the indices of their rows and what is read beside them stay well below the limit. */
const windowShare = 1 / 4;

function streamingPlan(request: TrainingRequest, rows: number): StreamingPlan | undefined {
  if (!isLarge(request, rows)) return undefined;
  const windowBytes = residentMegabytes(request.training) * 1e6 * windowShare;
  return planStreaming(rows, encodedRowBytes(request.layout), windowBytes, request.training.batchSize);
}

function isDefaultLoss(kind: LossSpec['kind']): boolean {
  return kind === 'cross-entropy' || kind === 'squared';
}

/** Of data, code, seed and configuration: two runs with equal digests pass through the same states, bit for bit. */
export function planDigest(plan: TrainingPlan, engine: string): string {
  return createHash('sha256')
    .update(canonicalJson({ code: codeVersion, engine, plan }))
    .digest('hex');
}

/**
 * The data as the network sees them: a regression target standardized with the training prior.
 *
 * @returns shares the feature arrays
 */
export function standardizeTarget(task: Task, trainingPrior: readonly number[], data: EncodedData): EncodedData {
  const scale = targetScaler(task, trainingPrior);
  if (!scale) return data;
  const target = data.target.slice();
  scale(target);
  return { ...data, target };
}

/** @returns brings a target, in place, into the units that the network is trained in; absent where those are its own */
export function targetScaler(task: Task, trainingPrior: readonly number[]): ((target: Float32Array) => void) | undefined {
  if (task !== 'regression') return undefined;
  const { mean, scale } = targetScaling(trainingPrior);
  return (target) => {
    for (let i = 0; i < target.length; i++) target[i] = (target[i] - mean) / scale;
  };
}

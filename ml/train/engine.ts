import type { FeatureLayout } from '../../contracts/dataset.js';
import type { LossSpec, ModelSpec, Task } from '../../contracts/pipeline.js';
import type { NamedEngine } from '../../contracts/pipeline/training.js';
import type { AugmentationPlan } from './augmentation/augmentation-plan.js';
import type { EngineState } from './checkpoint/engine-state.js';
import type { OptimizerPlan } from './optimizer/optimizer-plan.js';

/** An encoded split in memory; row-major. */
export interface EncodedData {
  readonly rows: number;
  /** [rows, C] */
  readonly categorical?: Int32Array;
  /** [rows, F] */
  readonly numeric?: Float32Array;
  /** [rows, height · width · channels] */
  readonly image?: Uint8Array;
  /** [rows]: 0/1, index of the class, the labels as bits, or the (standardized) value. */
  readonly target: Float32Array;
}

/** What one training step computes; plain JSON, and equal plans give equal graphs. */
export interface StepPlan {
  readonly model: ModelSpec;
  readonly layout: FeatureLayout;
  readonly task: Task;
  /** Width of the logits: 1 for binary and regression, else the number of classes, labels or quantiles. */
  readonly outputs: number;
  readonly batchSize: number;
  readonly optimizer: OptimizerPlan;
  /** Weight of each class in the loss; absent = 1. */
  readonly classWeights?: readonly number[];
  /** Absent: cross-entropy, or the squared error. */
  readonly loss?: LossSpec;
  /** Share of a label that is spread evenly over all classes; absent = 0. */
  readonly labelSmoothing?: number;
  /** How the rows of a mini-batch are changed at random; absent: not at all. */
  readonly augmentation?: AugmentationPlan;
  /** Multiclass: how many times too often each class counts in training, which the calibration puts right; absent = 1. */
  readonly classShift?: readonly number[];
  /** Seed of the initial parameters, of what a step drops, and of its augmentation. */
  readonly seed: number;
  /** Threads that the training was begun with. Part of the plan, since the order of sums, and so their last bits, can depend on it. */
  readonly threads: number;
}

/** A plan without its model, for a network that is given. */
export type NetworkPlan = Omit<StepPlan, 'model' | 'layout' | 'outputs'>;

export type { EngineState } from './checkpoint/engine-state.js';

export interface EngineSession {
  /**
   * Run K mini-batch steps.
   *
   * @param rows row indices into the training rows that the session holds, shape [K · batchSize]
   * @param learningRates shape [K]
   * @param firstStep number of steps done before (Adam's bias correction and dropout start from it)
   * @returns training loss of each step, shape [K]; NaN where it diverged
   */
  runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array>;
  /**
   * Train on other rows from now on. They are not copied, so they must not change while they are in use.
   *
   * @throws AnnealError `InvalidData` when they do not have the layout's shape, or an index lies outside its feature
   */
  useRows(data: EncodedData): void;
  /** Forward pass without training. @returns logits, shape [rows, outputs] */
  logits(data: EncodedData): Promise<Float32Array>;
  getState(): Promise<EngineState>;
  setState(state: EngineState): Promise<void>;
  dispose(): Promise<void>;
}

export interface TrainingEngine {
  readonly name: NamedEngine;
  /** @returns why it cannot be used here, or undefined */
  unavailable(): Promise<string | undefined>;
  /**
   * @param threads that may compute at a time where the plan's number leaves a choice; default: the plan's
   * @throws AnnealError `InvalidModel` when the model uses a kernel that this engine cannot run; names kernel and layer
   */
  open(plan: StepPlan, data: EncodedData, threads?: number): Promise<EngineSession>;
}

import type { Metrics } from '../../../contracts/pipeline.js';
import type { MetricPoint, TrainProgress, TrainResult } from '../../../contracts/training.js';
import type { FailureMessage } from '../../child/failure-message.js';
import type { EncodedFiles } from '../rows/encoded-files.js';
import type { TrainingRequest } from '../training-plan.js';

/** A piece of training as a process can do it with local files alone; plain JSON. */
export interface TrainingJob {
  /** Goes into the checkpoints, so that they belong to one piece of work. */
  readonly key: string;
  readonly request: TrainingRequest;
  /** File with the bundle of a model that is a module of the user's. */
  readonly module?: string;
  readonly train: EncodedFiles;
  readonly validation: EncodedFiles;
  /** Rows that a fold of a cross-validation holds out: predicted when the training has ended. */
  readonly heldOut?: EncodedFiles;
  readonly untilStep?: number;
  /** Checkpoint files that the run may continue from; those of another plan or beyond `untilStep` are passed over. */
  readonly candidates: readonly string[];
  /** An existing directory of this job's own, for the checkpoints that it writes. */
  readonly directory: string;
}

export type JobProgress = Omit<TrainProgress, 'checkpoint' | 'inVain'>;

/** What the best state predicts for the rows that were held out. */
export interface HeldOutFile {
  readonly metrics: Metrics;
  /** File in the job's directory, with the content of `HeldOutResult.predictions`. */
  readonly predictions: string;
}

export interface JobOutcome {
  /** File with the last state, in the job's directory. */
  readonly checkpoint: string;
  readonly heldOut?: HeldOutFile;
  readonly result: Omit<TrainResult, 'checkpoint' | 'heldOut'>;
}

/** Parent → child. */
export type ParentMessage = { readonly kind: 'run'; readonly job: TrainingJob } | { readonly kind: 'cancel' };

/** Child → parent. After `done`, `failed` or `cancelled` the child waits for the next job. */
export type ChildMessage =
  /** There is nothing to say, but it works. */
  | { readonly kind: 'alive' }
  | { readonly kind: 'progress'; readonly progress: JobProgress }
  /** The code of a module of the user's runs from here until `built`, and the child answers nothing. */
  | { readonly kind: 'building'; readonly module: string }
  | { readonly kind: 'built' }
  /** The whole curve so far. */
  | { readonly kind: 'curve'; readonly points: readonly MetricPoint[] }
  /** The file is complete; the parent removes it when it has stored it. */
  | { readonly kind: 'checkpoint'; readonly path: string; readonly step: number }
  | { readonly kind: 'done'; readonly outcome: JobOutcome }
  | { readonly kind: 'cancelled' }
  | FailureMessage;

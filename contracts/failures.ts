/**
 * `type` of every permanent `ApplicationFailure`. A failure of one of these types is never retried:
 * the same input would fail again. Its message is one paragraph: what happened, what was expected, what to do.
 */
export const failureTypes = {
  /** The pipeline definition is not valid. */
  invalidPipeline: 'InvalidPipeline',
  /** The source cannot be found or read. */
  sourceUnavailable: 'SourceUnavailable',
  /** The data do not meet the pipeline's expectations. */
  invalidData: 'InvalidData',
  /** An artifact is missing, or its content does not match its digest. */
  artifactCorrupt: 'ArtifactCorrupt',
  /** Training diverged (NaN or explosion). */
  diverged: 'TrainingDiverged',
  /** The process that trains ended again and again without getting any further. */
  trainingCrashed: 'TrainingCrashed',
  /** The model cannot be built or lowered as configured. */
  invalidModel: 'InvalidModel',
  /** Every trial of a sweep failed. */
  sweepFailed: 'SweepFailed',
  /** A fold of the cross-validation failed. */
  crossValidationFailed: 'CrossValidationFailed',
  /** The model registry has no such model or version. */
  unknownModelVersion: 'UnknownModelVersion',
  /** A host could not load, warm or verify a version. */
  loadFailed: 'LoadFailed',
  /** What serves comes from a run that started later. */
  superseded: 'Superseded',
  /** Another version serves than the one that was compared with. */
  championChanged: 'ChampionChanged',
  /** A rollout was refused or undone. */
  rolloutFailed: 'RolloutFailed',
  /** The prediction request does not fit the model's inputs. */
  invalidRequest: 'InvalidRequest',
  /** Executors of the model crashed, or did not come to an end, while they computed the prediction request. */
  requestCrashed: 'RequestCrashed',
} as const;

export type FailureType = (typeof failureTypes)[keyof typeof failureTypes];

/**
 * A permanent failure with a message for the person who meets it.
 *
 * Thrown by code that knows nothing of Temporal (`ml`, `serving`, `stores`); activities map it to a
 * non-retryable `ApplicationFailure` of the same `type`, the command prints its message.
 */
export class AnnealError extends Error {
  constructor(
    readonly type: FailureType,
    message: string,
    /** JSON-serializable, e.g. the anomalies that were found. */
    readonly details?: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'AnnealError';
  }
}

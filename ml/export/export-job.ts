import type { PreparedManifest } from '../../contracts/dataset.js';
import type { GoldenOutputs, ModelManifest } from '../../contracts/model.js';
import type { PipelineSpec, ServingSpec } from '../../contracts/pipeline.js';

/** An export as a process can do it with local files alone; plain JSON. */
export interface ExportJob {
  /** Name of the pipeline. */
  readonly name: string;
  readonly dataDigest: string;
  /** The pipeline's columns, or those that it declares something of. */
  readonly columns?: PipelineSpec['columns'];
  readonly prepared: PreparedManifest;
  /** File with the JSON of `FittedTransform`. */
  readonly transformPath: string;
  /** File with the JSON of `TrainingProfile`. */
  readonly profilePath?: string;
  readonly checkpointPath: string;
  /** Parquet of the raw test rows, as `PreparedManifest.test` says. */
  readonly testPath: string;
  /** Goes into the manifest as it is. */
  readonly serving?: ServingSpec;
  /** An existing directory of this job's own, for the model and for what lies there meanwhile. */
  readonly directory: string;
}

export interface ExportedFiles {
  /** ONNX file in the job's directory. */
  readonly model: string;
  readonly manifest: ModelManifest;
  readonly golden: GoldenOutputs;
}

import type { ModelManifest } from '../../contracts/model.js';
import type { MetricName } from '../../contracts/pipeline.js';

/** An exported model as local file. */
export interface LocalModel {
  readonly path: string;
  readonly manifest: ModelManifest;
}

/** An evaluation as a process can do it with local files alone; plain JSON. */
export interface EvaluationJob {
  readonly model: LocalModel;
  readonly champion?: LocalModel & { readonly version: string };
  /** Parquet of the raw test rows, as `PreparedManifest.test` says. */
  readonly testPath: string;
  readonly primaryMetric: MetricName;
  readonly threads: number;
  readonly scratchRoot: string;
}

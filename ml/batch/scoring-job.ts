import type { FileSource } from '../../contracts/pipeline/source.js';
import type { BatchFormat, PlannedFile, PlannedPartition, Rejects } from '../../contracts/batch.js';
import type { ModelManifest } from '../../contracts/model.js';

/** The rows of one partition as a process can predict them with local files alone; plain JSON. */
export interface ScoringJob {
  readonly model: { readonly path: string; readonly sha256: string; readonly manifest: ModelManifest };
  readonly threads: number;
  readonly source: FileSource;
  readonly file: PlannedFile;
  /** Of the file on this machine. */
  readonly path: string;
  readonly rows?: PlannedPartition['rows'];
  readonly keep: 'all' | readonly string[];
  readonly rejectOutOfRange: boolean;
  /** Of the plan. */
  readonly typedInputs: boolean;
  readonly format: BatchFormat;
  /** Where the predictions and the rejected rows are written; on the disk of the output. */
  readonly partPath: string;
  readonly rejectedPath: string;
  /** Whether the file's digest is wanted. */
  readonly digest: boolean;
  readonly scratchRoot: string;
  readonly memoryLimitBytes: number;
}

export interface Scored {
  /** Predicted; without any there is no file of predictions, without a rejected one none of those. */
  readonly rows: number;
  readonly rejected: number;
  readonly reasons: Rejects;
  readonly inputSha256?: string;
}

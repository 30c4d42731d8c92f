import type { ModelManifest } from '../../contracts/model.js';
import type { Degradation } from '../../contracts/serving.js';

/** Whose predictions a segment holds. */
export interface LoggedVersion {
  readonly model: string;
  readonly version: string;
  readonly manifest: Pick<ModelManifest, 'task' | 'classes' | 'quantiles' | 'thresholds' | 'inputs'>;
}

/** First line of a segment. */
export interface SegmentHeader extends LoggedVersion {
  readonly formatVersion: 1;
}

/**
 * A line of a segment: the rows of one request, column by column. `i<n>` are the raw inputs in the order of the manifest (images are
 * left out), `o<n>` what was answered, `c` the chosen classes; what is missing is null.
 */
export interface SegmentLine {
  /** Id of the request. */
  readonly r: string;
  /** When it was answered, milliseconds since 1970. */
  readonly t: number;
  /** Milliseconds from its submission to its answer. */
  readonly l: number;
  readonly n: number;
  readonly c?: readonly number[];
  /** Anomaly scores, where the model computes them. */
  readonly a?: readonly number[];
  /** What answered each row; null is the version itself. Absent: it answered all. */
  readonly d?: readonly (Degradation | null)[];
  readonly [column: `i${number}` | `o${number}`]: readonly (string | number | null)[];
}

/** Position of the first number of a row that is logged: of two classes the second one's says both. */
export function firstLoggedOutput({ task }: LoggedVersion['manifest']): number {
  return task === 'binary' ? 1 : 0;
}

/** Directories below that of a log: what is written, and what is whole. */
export const segmentFolders = { open: 'open', closed: 'closed' } as const;

/** A longer line, of many rows or long texts, is not written: whoever reads it back needs a multiple of that. */
export const maxLineBytes = 4 << 20;

import type { ModelManifest } from '../../contracts/model.js';
import type { Degradation } from '../../contracts/serving.js';

/** Whose predictions a segment holds. */
export interface LoggedVersion {
  readonly model: string;
  readonly version: string;
  readonly manifest: Pick<ModelManifest, 'task' | 'classes' | 'quantiles' | 'thresholds' | 'inputs'>;
  /** Its pipeline says what becomes of anomalous rows: those that are not are said to be none. */
  readonly hasPolicy?: boolean;
}

/** First line of a segment, as JSON; then come its entries. */
export interface SegmentHeader extends LoggedVersion {
  readonly formatVersion: 2;
}

/**
 * What whoever makes Parquet of a segment writes down in between, a line of JSON: rows of one request, column by column. `i<n>` are the
 * raw inputs in the order of the manifest (images are left out), `o<n>` what was answered, `c` the chosen classes; what is missing is
 * null.
 */
export interface SegmentLine {
  /** Id of the request. */
  readonly r: string;
  /** When it was answered, milliseconds since 1970. */
  readonly t: number;
  /** Milliseconds from its submission to its answer. */
  readonly l: number;
  /** Place of the first row in the request, and how many there are. */
  readonly p: number;
  readonly n: number;
  readonly c?: readonly number[];
  /** Anomaly scores, where the model computes them. */
  readonly a?: readonly number[];
  /** Which rows the version's policy takes for anomalous, where it has one. */
  readonly f?: readonly boolean[];
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

/** A larger request, of many rows or long texts, is not logged. */
export const maxEntryBytes = 4 << 20;

import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelManifest } from '../../contracts/model.js';
import type { Batch } from '../tensors.js';
import { type AnomalyKind, type ColumnCheck, columnChecks } from './column-checks.js';

/** Is told what is unlike the training rows; on the way of every request. */
export interface AnomalyObserver {
  /** Scores of the rows of a request. */
  readonly scored: (anomaly: Float32Array) => void;
  /** So many rows have something new in the column. */
  readonly found: (column: string, kind: AnomalyKind, rows: number) => void;
  /** So many rows reach the threshold of the policy. */
  readonly anomalous: (policy: string, rows: number) => void;
}

/** Looks at the rows that one version is asked, and counts what its training rows did not have. */
export class AnomalyMonitor {
  constructor(
    readonly checks: readonly ColumnCheck[],
    private readonly columns: ReadonlySet<string>,
    readonly observer: AnomalyObserver,
  ) {}

  /** @param anomaly their scores, where there are any */
  observe(batch: Batch, anomaly: Float32Array | undefined): void {
    if (anomaly) this.observer.scored(anomaly);
    for (const { column, position, check } of this.checks) {
      const values = batch.columns[position];
      for (let row = 0; row < batch.rows; row++) {
        const kind = check(values[row]);
        // Rare: counted one by one.
        if (kind) this.observer.found(column, kind, 1);
      }
    }
  }

  /** Count the column whose value was refused. @param error of reading a request */
  refused(error: unknown): void {
    const column = error instanceof AnnealError && error.type === failureTypes.invalidRequest ? columnOf(error.details) : undefined;
    // Names come from the manifest alone: whoever sends rows makes no new series.
    if (column !== undefined && this.columns.has(column)) this.observer.found(column, 'type', 1);
  }
}

/** @returns undefined for a version from before its training rows were described */
export function monitorOf(manifest: ModelManifest, observer: AnomalyObserver): AnomalyMonitor | undefined {
  if (!manifest.profile) return undefined;
  return new AnomalyMonitor(columnChecks(manifest), new Set(manifest.inputs.map(({ name }) => name)), observer);
}

function columnOf(details: unknown): string | undefined {
  const column = (details as { readonly column?: unknown } | undefined)?.column;
  return typeof column === 'string' ? column : undefined;
}

import type { Anomaly } from '../../../contracts/dataset.js';
import type { ColumnSpec, PipelineSpec } from '../../../contracts/pipeline.js';
import type { CheckSeverity } from '../../../contracts/pipeline/scalars.js';
import type { DataSession } from '../duckdb-session.js';

/** What the checks of the clean rows read. */
export interface CheckContext {
  readonly session: DataSession;
  readonly spec: PipelineSpec;
  /** The declared columns that the data have. */
  readonly columns: readonly { readonly name: string; readonly type: ColumnSpec['type'] }[];
  /** View of all clean rows: the columns in their types, `__target` and `partColumn`. */
  readonly clean: string;
  /** How many clean rows there are, at least 1. */
  readonly rows: number;
  /** Table of some of the clean rows, the same ones for equal data; without images. */
  readonly sample: string;
  readonly sampledRows: number;
}

/** @returns no anomaly when the check is off */
export function found(severity: CheckSeverity, anomaly: Omit<Anomaly, 'severity'>): Anomaly[] {
  return severity === 'off' ? [] : [{ severity, ...anomaly }];
}

/** `12.3 %`, with as many digits as tell it from 0. */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

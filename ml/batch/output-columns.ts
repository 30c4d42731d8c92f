import type { SnapshotColumn } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelManifest } from '../../contracts/model.js';
import { shortList } from '../data/validate/row-rules.js';
import { internalPrefix } from '../data/validate/schema-check.js';
import { numberLiteral, textLiteral } from '../data/sql-quoting.js';

/** Columns of a file of rejected rows, beside the row's own. */
export const rejectColumns = { file: `${internalPrefix}file`, row: `${internalPrefix}row`, reason: `${internalPrefix}reason` } as const;

/** A column of the output that the model computes. */
export interface PredictionColumn {
  readonly name: string;
  /** SQL over the columns `choice` (position of the class), `p0`, `p1`, … and `score` (what the graph computed) of a row. */
  readonly sql: string;
}

/** What of a manifest the columns of predictions depend on. */
export type PredictedBy = Pick<ModelManifest, 'task' | 'classes' | 'quantiles' | 'thresholds' | 'hasAnomaly'>;

/**
 * What the output says of a row: `prediction`, the name of the class or the number; of a binary model `probability`, that of
 * the positive class; of one with more classes `probability_<class>` for each. Of quantiles `quantile_<quantile>` for each,
 * and as `prediction` the median. Of several labels `label_<label>` and `probability_<label>` for each. Of a model that scores its
 * rows, at last `anomaly`.
 */
export function predictionColumns(manifest: PredictedBy): PredictionColumn[] {
  return [...ownColumns(manifest), ...(manifest.hasAnomaly ? [{ name: 'anomaly', sql: 'score' }] : [])];
}

function ownColumns({ task, classes, quantiles, thresholds = [] }: PredictedBy): PredictionColumn[] {
  const shares = classes.map((name, k) => ({ name: `probability_${name}`, sql: `p${k}` }));
  if (task === 'multilabel') {
    // Compared in float32, as in the graph.
    const isThere = classes.map((name, k) => ({ name: `label_${name}`, sql: `p${k} >= CAST(${numberLiteral(thresholds[k])} AS FLOAT)` }));
    return [...isThere, ...shares];
  }
  if (task === 'regression') {
    const named = (quantiles ?? []).map((quantile, k) => ({ name: `quantile_${quantile}`, sql: `p${k}` }));
    return [{ name: 'prediction', sql: `p${quantiles?.indexOf(0.5) ?? 0}` }, ...named];
  }
  const label = { name: 'prediction', sql: `[${classes.map(textLiteral).join(', ')}][choice + 1]` };
  if (task === 'binary') return [label, { name: 'probability', sql: 'p1' }];
  return [label, ...shares];
}

/**
 * The columns of a file that stand in the output beside the predictions: those that are asked for, or all but images.
 *
 * @throws AnnealError `InvalidRequest` when one is not there, or bears the name of a column that the job writes
 */
export function keptColumns(
  uri: string,
  manifest: ModelManifest,
  columns: readonly SnapshotColumn[],
  keep: 'all' | readonly string[],
): string[] {
  const images = new Set(manifest.inputs.filter(({ type }) => type === 'uint8').map(({ name }) => name));
  const kept = keep === 'all' ? columns.map(({ name }) => name).filter((name) => !images.has(name)) : [...keep];
  const absent = kept.filter((name) => !columns.some((column) => column.name === name));
  if (absent.length > 0)
    throw refuse(
      `The file "${uri}" has no column ${shortList(absent)}, which --keep asks for; it has ${shortList(columns.map(({ name }) => name))}. Correct the names and start the job again.`,
    );
  const written = new Set([...predictionColumns(manifest).map(({ name }) => name), ...Object.values(rejectColumns)].map(lower));
  const clash = [...kept, ...manifest.inputs.map(({ name }) => name)].filter((name) => written.has(lower(name)) && kept.includes(name));
  if (clash.length > 0)
    throw refuse(
      `The column ${shortList(clash)} of "${uri}" bears the name of a column that the job writes. Name the columns to keep without it (--keep), or rename it.`,
    );
  return kept;
}

/** Numbers that the graph computes of a row. */
export function predictionWidth({ task, classes, quantiles }: PredictedBy): number {
  return task === 'regression' ? (quantiles?.length ?? 1) : classes.length;
}

/** The columns of a rejected row: what is kept, and what the model was to read. */
export function rejectedColumns(kept: readonly string[], manifest: ModelManifest, columns: readonly SnapshotColumn[]): string[] {
  const read = manifest.inputs.map(({ name }) => name).filter((name) => columns.some((column) => column.name === name));
  const reserved = new Set<string>(Object.values(rejectColumns).map(lower));
  return [...new Set([...kept, ...read])].filter((name) => !reserved.has(lower(name)));
}

const lower = (name: string): string => name.toLowerCase();

function refuse(message: string): AnnealError {
  return new AnnealError(failureTypes.invalidRequest, message);
}

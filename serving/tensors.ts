import type { ModelManifest } from '../contracts/model.js';

/** The values of one raw column; N of them, or the bytes of N images. */
export type Column = string[] | BigInt64Array | Float64Array | Uint8Array;

/** A batch of raw rows, a column for each input of the model, in the order of `ModelManifest.inputs`. */
export interface Batch {
  readonly rows: number;
  /** Each [N]; images [N · height · width · channels]. */
  readonly columns: readonly Column[];
}

/** What the graph computes for a batch; plain arrays that can cross a thread boundary. */
export interface BatchOutputs {
  /** `probabilities` [N, classes], `quantiles` [N, quantiles] or `value` [N, 1], row by row. */
  readonly values: Float32Array;
  /** `class_index` [N]; absent for regression and several labels. */
  readonly classIndex?: Int32Array;
  /** `anomaly` [N], of a version that scores its rows. */
  readonly anomaly?: Float32Array;
}

/** @returns how many numbers of `BatchOutputs.values` belong to one row */
export function outputWidth(manifest: Pick<ModelManifest, 'task' | 'classes' | 'quantiles'>): number {
  return manifest.task === 'regression' ? (manifest.quantiles?.length ?? 1) : manifest.classes.length;
}

/** Which labels each row is said to have; compared in float32, as in the graph. @returns 0 or 1, shape [N, labels] */
export function labelFlags({ thresholds = [] }: Pick<ModelManifest, 'thresholds'>, { values }: BatchOutputs): Int32Array {
  const limits = thresholds.map(Math.fround);
  return Int32Array.from(values, (probability, i) => Number(probability >= limits[i % limits.length]));
}

/** The value of each row: where quantiles are predicted, the median. @returns shape [N] */
export function rowValues({ quantiles }: Pick<ModelManifest, 'quantiles'>, { values }: BatchOutputs): Float32Array {
  if (!quantiles) return values;
  const median = quantiles.indexOf(0.5);
  return Float32Array.from({ length: values.length / quantiles.length }, (_, row) => values[row * quantiles.length + median]);
}

/** Stack batches of one model, in order. */
export function concatBatches(batches: readonly Batch[]): Batch {
  if (batches.length === 1) return batches[0];
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  return { rows, columns: batches[0].columns.map((first, i) => concatColumn(first, batches, i, rows)) };
}

function concatColumn(first: Column, batches: readonly Batch[], i: number, rows: number): Column {
  if (first instanceof Float64Array) {
    const joined = new Float64Array(rows);
    let at = 0;
    for (const batch of batches) {
      joined.set(batch.columns[i] as Float64Array, at);
      at += batch.rows;
    }
    return joined;
  }
  if (first instanceof BigInt64Array) {
    const joined = new BigInt64Array(rows);
    let at = 0;
    for (const batch of batches) {
      joined.set(batch.columns[i] as BigInt64Array, at);
      at += batch.rows;
    }
    return joined;
  }
  if (first instanceof Uint8Array) return Buffer.concat(batches.map((batch) => batch.columns[i] as Uint8Array));
  const joined: string[] = [];
  for (const batch of batches) for (const text of batch.columns[i] as string[]) joined.push(text);
  return joined;
}

/** Rows [from, from + rows) of the outputs of a stacked batch; views, nothing is copied. */
export function sliceOutputs(outputs: BatchOutputs, from: number, rows: number, width: number): BatchOutputs {
  const values = outputs.values.subarray(from * width, (from + rows) * width); // [rows, width]
  const { classIndex, anomaly } = outputs;
  return { values, classIndex: classIndex?.subarray(from, from + rows), anomaly: anomaly?.subarray(from, from + rows) };
}

/** Rows of a batch by their positions, copied. */
export function pickRows(batch: Batch, positions: readonly number[]): Batch {
  return {
    rows: positions.length,
    columns: batch.columns.map((column): Column => {
      if (column instanceof Float64Array) return Float64Array.from(positions, (row) => column[row]);
      if (column instanceof BigInt64Array) return BigInt64Array.from(positions, (row) => column[row]);
      if (!(column instanceof Uint8Array)) return positions.map((row) => column[row]);
      const size = column.length / batch.rows;
      return Buffer.concat(positions.map((row) => column.subarray(row * size, (row + 1) * size)));
    }),
  };
}

/** @returns a batch of `rows` rows that repeats the rows of `batch` from the first on */
export function tileBatch(batch: Batch, rows: number): Batch {
  return {
    rows,
    columns: batch.columns.map((column) => {
      if (column instanceof Float64Array) return Float64Array.from({ length: rows }, (_, i) => column[i % batch.rows]);
      if (column instanceof BigInt64Array) return BigInt64Array.from({ length: rows }, (_, i) => column[i % batch.rows]);
      if (column instanceof Uint8Array) return tileImages(column, batch.rows, rows);
      return Array.from({ length: rows }, (_, i) => column[i % batch.rows]);
    }),
  };
}

function tileImages(images: Uint8Array, from: number, rows: number): Uint8Array {
  const size = images.length / from;
  const tiled = new Uint8Array(rows * size);
  for (let row = 0; row < rows; row++) tiled.set(images.subarray((row % from) * size, ((row % from) + 1) * size), row * size);
  return tiled;
}

/** Rows [from, until) of a batch. */
export function sliceBatch(batch: Batch, from: number, until: number): Batch {
  return {
    rows: until - from,
    columns: batch.columns.map((column) => {
      if (!(column instanceof Uint8Array)) return column.slice(from, until);
      const size = column.length / batch.rows;
      return column.subarray(from * size, until * size);
    }),
  };
}

import type { SliceMetrics } from '../../contracts/model.js';
import { isLowerBetter, type MetricName } from '../../contracts/pipeline.js';
import { computeMetrics, predictionWidth, type Predictions } from './metrics/metrics.js';

/** Which value of a slice column each row has, as an index into the distinct values. */
export interface SliceColumn {
  readonly name: string;
  readonly values: readonly string[];
  /** Shape [N]; −1 where the value is missing. */
  readonly codes: Int32Array;
}

/** A slice with fewer rows says more about chance than about the model. */
const minRows = 100;
const maxSlicesPerColumn = 50;

/**
 * Metrics of the rows that share a value, for each value of a slice column.
 *
 * @returns values with at least 100 rows, worst primary metric first; of more than 50 values, the 25 worst and
 *   the 25 largest others
 */
export function sliceMetrics(predictions: Predictions, column: SliceColumn, primary: MetricName): SliceMetrics[] {
  const slices = rowsByCode(column).flatMap((rows, code): SliceMetrics[] => {
    if (rows.length < minRows) return [];
    const metrics = computeMetrics(takeRows(predictions, rows));
    return [{ slice: column.name, value: column.values[code], rows: rows.length, metrics }];
  });
  const badness = (slice: SliceMetrics): number => {
    const value = slice.metrics[primary];
    if (value === undefined) return -Infinity;
    return isLowerBetter(primary) ? value : -value;
  };
  const worstFirst = (a: SliceMetrics, b: SliceMetrics): number =>
    compareDescending(badness(a), badness(b)) || b.rows - a.rows || compareText(a.value, b.value);
  slices.sort(worstFirst);
  if (slices.length <= maxSlicesPerColumn) return slices;
  const worst = slices.slice(0, maxSlicesPerColumn / 2);
  const largest = slices.slice(worst.length).sort((a, b) => b.rows - a.rows || compareText(a.value, b.value));
  return [...worst, ...largest.slice(0, maxSlicesPerColumn - worst.length)].sort(worstFirst);
}

function compareDescending(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? 1 : -1;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function rowsByCode({ values, codes }: SliceColumn): Uint32Array[] {
  const counts = new Uint32Array(values.length);
  for (const code of codes) if (code >= 0) counts[code]++;
  const groups = Array.from(counts, (count) => new Uint32Array(count));
  const filled = new Uint32Array(values.length);
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row];
    if (code >= 0) groups[code][filled[code]++] = row;
  }
  return groups;
}

function takeRows(predictions: Predictions, rows: Uint32Array): Predictions {
  const width = predictionWidth(predictions);
  const predicted = new Float32Array(rows.length * width);
  const actual = new Float32Array(rows.length);
  rows.forEach((row, i) => {
    actual[i] = predictions.actual[row];
    for (let k = 0; k < width; k++) predicted[i * width + k] = predictions.predicted[row * width + k];
  });
  return { ...predictions, predicted, actual };
}

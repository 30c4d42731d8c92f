import { imageSize } from '../../../contracts/image-input.js';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { type Metrics, quantilesOf } from '../../../contracts/pipeline.js';
import { bestF1Threshold } from '../../evaluate/metrics/best-threshold.js';
import { computeMetrics } from '../../evaluate/metrics/metrics.js';
import { applyCalibration, fitCalibration, thresholdsOf, type Calibration } from '../../evaluate/calibration/prediction-calibration.js';
import type { EncodedReader } from './encoded-reader.js';
import type { EncodedData, EngineSession, StepPlan } from '../engine.js';
import { epochOrder } from './order.js';

/** Between two slices a run looks for a cancellation. */
const sliceRows = 65_536;

/** The order that picks the rows of a partial validation; one for all runs, so that trials are compared on the same rows. */
const subsetSeed = 0;

/** Rows that are looked at a slice at a time, so that they need not all be in memory. */
export interface SlicedRows {
  readonly rows: number;
  /** Of all rows, in its own units, shape [rows]. */
  readonly target: Float32Array;
  slice(from: number, until: number): EncodedData | Promise<EncodedData>;
}

export function residentSlices(data: EncodedData, layout: FeatureLayout): SlicedRows {
  return { rows: data.rows, target: data.target, slice: (from, until) => rowRange(data, layout, from, until) };
}

export async function readerSlices(reader: EncodedReader): Promise<SlicedRows> {
  return { rows: reader.rows, target: await reader.readTarget(), slice: (from, until) => reader.slice(from, until) };
}

export interface ValidationOutcome {
  readonly metrics: Metrics;
  readonly calibration: Calibration;
  readonly threshold?: number;
}

/**
 * Logits of a whole split, in slices.
 *
 * @param between awaited before each slice; it throws to stop
 * @returns shape [rows, outputs]
 */
export async function splitLogits(
  session: EngineSession,
  plan: StepPlan,
  data: SlicedRows,
  between: () => Promise<void> = async () => {},
): Promise<Float32Array> {
  const logits = new Float32Array(data.rows * plan.outputs);
  for (let from = 0; from < data.rows; from += sliceRows) {
    await between();
    const until = Math.min(from + sliceRows, data.rows);
    logits.set(await session.logits(await data.slice(from, until)), from * plan.outputs);
  }
  return logits;
}

/**
 * Calibrate a network's logits, choose the threshold, and measure what the exported model would predict.
 *
 * @param logits shape [N, outputs]
 * @param actual shape [N]: 0/1, index of the class, or the value in its own units
 * @returns undefined when a logit is not finite: the run has diverged
 */
export function assess(
  plan: StepPlan,
  logits: Float32Array,
  actual: Float32Array,
  trainingPrior: readonly number[],
): ValidationOutcome | undefined {
  if (!logits.every(Number.isFinite)) return undefined;
  const quantiles = quantilesOf(plan);
  const calibration = fitCalibration(plan.task, logits, actual, plan.outputs, trainingPrior, { classShift: plan.classShift, quantiles });
  const predicted = applyCalibration(calibration, logits, plan.outputs);
  const threshold = plan.task === 'binary' ? bestF1Threshold(predicted, actual).threshold : undefined;
  const classes = { binary: 2, multiclass: plan.outputs, multilabel: plan.outputs, regression: 0 }[plan.task];
  const metrics = computeMetrics({
    task: plan.task,
    classes,
    predicted,
    actual,
    threshold,
    quantiles,
    thresholds: thresholdsOf(calibration),
  });
  return { metrics, calibration, ...(threshold === undefined ? {} : { threshold }) };
}

/**
 * The rows that validate a trial: the first `rows` of a fixed pseudo-random order.
 *
 * @returns `data` where it has no more rows than that; else they are in memory
 * @throws AnnealError `InvalidData` when the split is empty
 */
export async function validationSubset(layout: FeatureLayout, data: SlicedRows, rows: number | undefined): Promise<SlicedRows> {
  if (data.rows === 0) {
    throw new AnnealError(
      failureTypes.invalidData,
      'The validation part has no rows, so no model can be chosen or calibrated. Expected at least one. Widen the range of split.validation, or look into the validation report for rows that were taken out.',
    );
  }
  if (rows === undefined || rows >= data.rows) return data;
  const chosen = epochOrder(subsetSeed, 0, data.rows).slice(0, rows).sort();
  const pixels = layout.image ? imageSize(layout.image) : 0;
  const [columns, numbers] = [layout.categorical.length, layout.numeric.length];
  const taken: EncodedData = {
    rows,
    target: Float32Array.from(chosen, (row) => data.target[row]),
    ...(columns > 0 ? { categorical: new Int32Array(rows * columns) } : {}),
    ...(numbers > 0 ? { numeric: new Float32Array(rows * numbers) } : {}),
    ...(pixels > 0 ? { image: new Uint8Array(rows * pixels) } : {}),
  };
  let at = 0;
  for (let from = 0; at < rows; from += sliceRows) {
    const until = Math.min(from + sliceRows, data.rows);
    if (chosen[at] >= until) continue;
    const slice = await data.slice(from, until);
    for (; at < rows && chosen[at] < until; at++) {
      const row = chosen[at] - from;
      taken.categorical?.set(slice.categorical!.subarray(row * columns, (row + 1) * columns), at * columns);
      taken.numeric?.set(slice.numeric!.subarray(row * numbers, (row + 1) * numbers), at * numbers);
      taken.image?.set(slice.image!.subarray(row * pixels, (row + 1) * pixels), at * pixels);
    }
  }
  return residentSlices(taken, layout);
}

/** The rows `from … until − 1`; views, nothing is copied. */
export function rowRange(data: EncodedData, layout: FeatureLayout, from: number, until: number): EncodedData {
  const columns = layout.categorical.length;
  const numbers = layout.numeric.length;
  const pixels = layout.image ? imageSize(layout.image) : 0;
  return {
    rows: until - from,
    target: data.target.subarray(from, until),
    ...(data.categorical ? { categorical: data.categorical.subarray(from * columns, until * columns) } : {}),
    ...(data.numeric ? { numeric: data.numeric.subarray(from * numbers, until * numbers) } : {}),
    ...(data.image ? { image: data.image.subarray(from * pixels, until * pixels) } : {}),
  };
}

import { imageSize } from '../../contracts/image-input.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { type Metrics, quantilesOf } from '../../contracts/pipeline.js';
import { bestF1Threshold } from '../evaluate/best-threshold.js';
import { computeMetrics } from '../evaluate/metrics.js';
import { applyCalibration, fitCalibration, type Calibration } from '../evaluate/prediction-calibration.js';
import type { EncodedData, EngineSession, StepPlan } from './engine.js';
import { epochOrder } from './order.js';

/** Between two slices a run looks for a cancellation. */
const sliceRows = 65_536;

/** The order that picks the rows of a partial validation; one for all runs, so that trials are compared on the same rows. */
const subsetSeed = 0;

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
  data: EncodedData,
  between: () => Promise<void> = async () => {},
): Promise<Float32Array> {
  const logits = new Float32Array(data.rows * plan.outputs);
  for (let from = 0; from < data.rows; from += sliceRows) {
    await between();
    const until = Math.min(from + sliceRows, data.rows);
    logits.set(await session.logits(rowRange(data, plan, from, until)), from * plan.outputs);
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
  const classes = { binary: 2, multiclass: plan.outputs, regression: 0 }[plan.task];
  const metrics = computeMetrics({ task: plan.task, classes, predicted, actual, threshold, quantiles });
  return { metrics, calibration, ...(threshold === undefined ? {} : { threshold }) };
}

/**
 * The rows that validate a trial: the first `rows` of a fixed pseudo-random order.
 *
 * @throws AnnealError `InvalidData` when the split is empty
 */
export function validationSubset(plan: StepPlan, data: EncodedData, rows: number | undefined): EncodedData {
  if (data.rows === 0) {
    throw new AnnealError(
      failureTypes.invalidData,
      'The validation part has no rows, so no model can be chosen or calibrated. Expected at least one. Widen the range of split.validation, or look into the validation report for rows that were taken out.',
    );
  }
  if (rows === undefined || rows >= data.rows) return data;
  const chosen = epochOrder(subsetSeed, 0, data.rows).slice(0, rows).sort();
  const target = Float32Array.from(chosen, (row) => data.target[row]);
  const taken = { rows, target };
  const { categorical, numeric, image } = data;
  const pixels = plan.layout.image ? imageSize(plan.layout.image) : 0;
  const widths = { categorical: plan.layout.categorical.length, numeric: plan.layout.numeric.length };
  return {
    ...taken,
    ...(categorical ? { categorical: takeRows(categorical, new Int32Array(rows * widths.categorical), chosen, widths.categorical) } : {}),
    ...(numeric ? { numeric: takeRows(numeric, new Float32Array(rows * widths.numeric), chosen, widths.numeric) } : {}),
    ...(image ? { image: takeRows(image, new Uint8Array(rows * pixels), chosen, pixels) } : {}),
  };
}

function takeRows<T extends Int32Array | Float32Array | Uint8Array>(source: T, into: T, rows: Int32Array, width: number): T {
  rows.forEach((row, i) => into.set(source.subarray(row * width, (row + 1) * width), i * width));
  return into;
}

function rowRange(data: EncodedData, plan: StepPlan, from: number, until: number): EncodedData {
  const columns = plan.layout.categorical.length;
  const numbers = plan.layout.numeric.length;
  const pixels = plan.layout.image ? imageSize(plan.layout.image) : 0;
  return {
    rows: until - from,
    target: data.target.subarray(from, until),
    ...(data.categorical ? { categorical: data.categorical.subarray(from * columns, until * columns) } : {}),
    ...(data.numeric ? { numeric: data.numeric.subarray(from * numbers, until * numbers) } : {}),
    ...(data.image ? { image: data.image.subarray(from * pixels, until * pixels) } : {}),
  };
}

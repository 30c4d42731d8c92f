import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { quantilesOf } from '../../../contracts/pipeline.js';
import { computeMetrics } from '../../evaluate/metrics/metrics.js';
import { applyCalibration, thresholdsOf } from '../../evaluate/calibration/prediction-calibration.js';
import type { BestState } from '../checkpoint/checkpoint.js';
import type { EngineSession, EngineState } from '../engine.js';
import type { HeldOutFile } from '../child/training-job.js';
import type { TrainingPlan } from '../training-plan.js';
import { type SlicedRows, splitLogits } from './validation.js';

/**
 * Predict the rows that a fold holds out by the best state, with the calibration and the threshold that were decided
 * without them. Leaves the session with the best parameters.
 *
 * @param state the last one, for the moments that a session takes beside the parameters
 * @param heldOut with the target in its own units
 * @param directory where the predictions are written
 * @throws AnnealError `TrainingDiverged` when a prediction is not finite
 */
export async function predictHeldOut(
  session: EngineSession,
  plan: TrainingPlan,
  { best, state }: { readonly best: BestState; readonly state: EngineState },
  heldOut: SlicedRows,
  directory: string,
): Promise<HeldOutFile> {
  const { task, outputs } = plan.step;
  await session.setState({ ...state, parameters: best.parameters, ...(state.average ? { average: best.parameters } : {}) });
  const logits = await splitLogits(session, plan.step, heldOut); // [rows, outputs]
  const predicted = applyCalibration(best.calibration, logits, outputs);
  if (!predicted.every(Number.isFinite)) {
    throw new AnnealError(
      failureTypes.diverged,
      `A prediction for one of the ${heldOut.rows} rows that were held out is not a finite number. Expected finite predictions. Lower training.learningRate (it is ${plan.learningRate}), or look for extreme values among the numeric features.`,
    );
  }
  const classes = { binary: 2, multiclass: outputs, multilabel: outputs, regression: 0 }[task];
  const metrics = computeMetrics({
    task,
    classes,
    predicted,
    actual: heldOut.target,
    threshold: best.threshold,
    quantiles: quantilesOf(plan.step),
    thresholds: thresholdsOf(best.calibration),
  });
  const predictions = join(directory, 'held-out');
  writeFileSync(predictions, new Uint8Array(predicted.buffer, predicted.byteOffset, predicted.byteLength));
  return { metrics, predictions };
}

import type { FittedTransform } from '../../contracts/dataset.js';
import type { AnomalyScore } from '../../contracts/training-profile.js';
import { applyCalibration } from '../evaluate/calibration/prediction-calibration.js';
import type { Network } from '../models/network.js';
import type { BestState } from '../train/checkpoint/checkpoint.js';
import type { StepPlan } from '../train/engine.js';
import { predictingState } from '../train/checkpoint/engine-state.js';
import { openEager } from '../train/engines/tfjs.js';
import { cpuBackend } from '../train/engines/tfjs-backend.js';
import { expectedScores } from '../monitor/expected-scores.js';
import { cannotExport } from './export-failure.js';
import type { SampleRows } from './sample-rows.js';

/** Float32 sums in another order, on another processor, differ by less; a wrong category or a forgotten scale by far more. */
export const tolerance = 1e-4;

/**
 * Check that an exported graph predicts what was trained: the reference is the eager network on the rows as they were
 * encoded for training, with the calibration in JavaScript, so that nothing but the parameters is shared.
 *
 * @param outputs of the graph: `probabilities`, `quantiles` or `value`, a row each of the sample
 * @throws AnnealError `InvalidModel` naming the first row that differs
 */
export async function checkSkew(
  network: Network,
  plan: StepPlan,
  { parameters, calibration }: Pick<BestState, 'parameters' | 'calibration'>,
  sample: SampleRows,
  outputs: ArrayLike<number>,
): Promise<void> {
  const engine = await openEager(cpuBackend, network, plan, sample.encoded);
  let expected: Float32Array;
  try {
    await engine.setState(predictingState(plan.optimizer, network, parameters));
    expected = applyCalibration(calibration, await engine.logits(sample.encoded), plan.outputs);
  } finally {
    await engine.dispose();
  }
  const perRow = outputs.length / sample.instances.length;
  expected.forEach((value, i) => {
    // Of a binary task the graph gives both probabilities, the calibration that of the positive class.
    const at = calibration.kind === 'platt' ? 2 * i + 1 : i;
    const unit = calibration.kind === 'standardization' ? calibration.scale + Math.abs(value) : 1;
    if (Math.abs(outputs[at] - value) <= tolerance * unit) return;
    const row = Math.floor(at / perRow);
    throw cannotExport(
      `for a sample row it predicts ${outputs[at]}, the network that was trained predicts ${value} (row ${row}: ${JSON.stringify(sample.instances[row])})`,
      plan.model.family === 'module'
        ? "The rows of a mini-batch depend on each other in the model's forward pass, which they must not, or this is a fault of the exporter: then report it with the model's file."
        : 'This is a fault of the exporter: report it with the pipeline, and use another kind of feature or model meanwhile.',
    );
  });
}

/**
 * Check that an exported graph scores rows as the training rows were scored: by the indices that SQL made of them, and in JavaScript.
 *
 * @param scores of the graph, [rows] @throws AnnealError `InvalidModel` naming the first row that differs
 */
export function checkScores(
  transform: FittedTransform,
  score: AnomalyScore,
  { instances, encoded }: SampleRows,
  scores: ArrayLike<number>,
): void {
  const expected = expectedScores(transform, score, { instances, categorical: encoded.categorical });
  expected?.forEach((value, row) => {
    if (scores[row] === value) return;
    throw cannotExport(
      `it gives a sample row the anomaly score ${scores[row]}, among the training rows it has ${value} (row ${row}: ${JSON.stringify(instances[row])})`,
      "This is a fault of the exporter: report it with the pipeline, and set serving.anomaly to { policy: 'off' } meanwhile.",
    );
  });
}

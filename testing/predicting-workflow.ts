import { predictActivity } from '../contracts/predict.js';
import type { PredictInput, PredictResult } from '../contracts/serving.js';

/** A workflow of another team, that asks for predictions. */
export async function predicting(input: PredictInput): Promise<PredictResult> {
  return predictActivity({ scheduleToCloseTimeout: '10 seconds' })(input);
}

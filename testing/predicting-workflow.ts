import { predictActivity } from '../contracts/predict.js';
import type { ActivityOptions } from '@temporalio/workflow';
import type { PredictInput, PredictResult } from '../contracts/serving.js';

/** A workflow of another team, that asks for predictions. */
export async function predicting(input: PredictInput): Promise<PredictResult> {
  return predictActivity({ scheduleToCloseTimeout: '10 seconds' })(input);
}

/** One that says nothing of how long it waits, or what it is given. */
export async function predictingPatiently(input: PredictInput, options?: ActivityOptions): Promise<PredictResult> {
  return predictActivity(options)(input);
}

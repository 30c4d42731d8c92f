import type { InferenceActivities } from '../contracts/activities.js';
import { withActivityFailures } from './failures.js';

export interface Predictor {
  readonly predict: InferenceActivities['predict'];
}

/**
 * The activity of queue `anneal-inference`, for workflows of other teams.
 *
 * A request that does not fit, and a model or version that is not served, fail for good; a host that is still loading is worth a retry.
 */
export function createInferenceActivities({ predictor }: { readonly predictor: Predictor }): InferenceActivities {
  return withActivityFailures<InferenceActivities>({ predict: (input) => predictor.predict(input) });
}

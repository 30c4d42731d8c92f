import type { DataActivities } from '../contracts/activities.js';
import { validateDataset } from '../ml/data/validate-dataset.js';
import { type DataDependencies, runDataStage } from './data-stage.js';
import { withActivityFailures } from './failures.js';

type ValidateActivities = Pick<DataActivities, 'validateDataset'>;

/** `validateDataset` of queue `anneal-data`: the rows that meet the pipeline's expectations, and a report on all of them. */
export function createValidateActivities(dependencies: DataDependencies): ValidateActivities {
  return withActivityFailures<ValidateActivities>({
    validateDataset: (input) => runDataStage(dependencies, (context) => validateDataset(input, context)),
  });
}

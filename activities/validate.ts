import type { DataActivities } from '../contracts/activities.js';
import { acceptDataset } from '../ml/data/validate/accepted-data.js';
import { sourceIdentity } from '../ml/data/ingest/source-identity.js';
import { validateDataset } from '../ml/data/validate/validate-dataset.js';
import { type DataDependencies, installationRoot, runDataStage } from './data-stage.js';
import { withActivityFailures } from './failures.js';

type ValidateActivities = Pick<DataActivities, 'validateDataset' | 'sourceIdentity' | 'acceptDataset'>;

/** Of queue `anneal-data`: the rows that meet the pipeline's expectations with a report on all of them, and what surrounds a decision about them. */
export function createValidateActivities(dependencies: DataDependencies): ValidateActivities {
  return withActivityFailures<ValidateActivities>({
    validateDataset: (input) => runDataStage(dependencies, (context) => validateDataset(input, context), input.spec.data),
    sourceIdentity: async ({ source }) => ({
      identity: await sourceIdentity(source, dependencies.projectRoot ?? installationRoot, dependencies.remote),
    }),
    acceptDataset: ({ pipeline, report }) => acceptDataset(dependencies, pipeline, report),
  });
}

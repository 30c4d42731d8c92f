import type { DataActivities } from '../contracts/activities.js';
import { prepareFolds } from '../ml/data/prepare-folds.js';
import { prepareDataset } from '../ml/data/prepare-dataset.js';
import { type DataDependencies, runDataStage } from './data-stage.js';
import { withActivityFailures } from './failures.js';

type PrepareActivities = Pick<DataActivities, 'prepareDataset' | 'prepareFolds'>;

/** `prepareDataset` and `prepareFolds` of queue `anneal-data`: splits, fitted transforms, and arrays to train on. */
export function createPrepareActivities(dependencies: DataDependencies): PrepareActivities {
  return withActivityFailures<PrepareActivities>({
    prepareDataset: (input) => runDataStage(dependencies, (context) => prepareDataset(input, context), input.spec.data),
    prepareFolds: (input) => runDataStage(dependencies, (context) => prepareFolds(input, context)),
  });
}

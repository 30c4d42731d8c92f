import type { DataActivities } from '../contracts/activities.js';
import { findLabelIssues } from '../ml/data/prepare/find-label-issues.js';
import { prepareFolds } from '../ml/data/prepare/prepare-folds.js';
import { prepareDataset } from '../ml/data/prepare/prepare-dataset.js';
import { type DataDependencies, runDataStage } from './data-stage.js';
import { withActivityFailures } from './failures.js';

type PrepareActivities = Pick<DataActivities, 'prepareDataset' | 'prepareFolds' | 'findLabelIssues'>;

/** The part of queue `anneal-data` that splits, fits transforms and makes arrays to train on, for a run and for its folds. */
export function createPrepareActivities(dependencies: DataDependencies): PrepareActivities {
  return withActivityFailures<PrepareActivities>({
    prepareDataset: (input) => runDataStage(dependencies, (context) => prepareDataset(input, context), input.spec.data),
    prepareFolds: (input) => runDataStage(dependencies, (context) => prepareFolds(input, context), input.spec.data),
    findLabelIssues: (input) => runDataStage(dependencies, (context) => findLabelIssues(input, context), input.spec.data),
  });
}

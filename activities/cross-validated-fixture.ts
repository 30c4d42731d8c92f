import type { FoldResult, LabelIssuesReport, PreparedFolds } from '../contracts/cross-validation.js';
import type { PreparedDataset, PreparedManifest } from '../contracts/dataset.js';
import { type PipelineSpec, primaryMetric } from '../contracts/pipeline.js';
import type { ArtifactRef } from '../contracts/reference.js';
import type { TrainInput, TrainResult } from '../contracts/training.js';
import { TrainingChildren } from '../ml/train/child/run-in-child.js';
import type { DataFixture } from './data-fixture.js';
import { createPrepareActivities } from './prepare.js';
import { createTrainingActivities } from './train.js';

export interface CrossValidated {
  /** Of the run itself. */
  readonly main: PreparedManifest;
  readonly folds: PreparedFolds;
  readonly results: readonly (Pick<FoldResult, 'fold' | 'predictions' | 'metrics'> & { readonly manifest: PreparedManifest })[];
  readonly labels: LabelIssuesReport;
  /** Prepare the folds once more. */
  prepareAgain(): Promise<PreparedFolds>;
}

/** The activities of a cross-validation one after the other, as its workflow calls them. */
export async function crossValidated(fixture: DataFixture, spec: PipelineSpec): Promise<CrossValidated> {
  const children = new TrainingChildren();
  const data = createPrepareActivities(fixture.dependencies);
  const { store, scratchRoot } = fixture;
  const training = createTrainingActivities({ store, threads: 1, slots: 1, scratchRoot, children });
  const run = <I, O>(activity: (input: I) => Promise<O>, input: I): Promise<O> => fixture.environment().run(activity, input);
  try {
    const snapshot = (await fixture.ingest(spec.source)).manifest;
    const { clean: rows, report: validation } = await fixture.validate(spec);
    const clean = rows!;
    const prepared = ((await run(data.prepareDataset, { clean, spec })) as PreparedDataset).manifest;
    const prepareAgain = (): Promise<PreparedFolds> => run(data.prepareFolds, { clean, spec, prepared });
    const folds = await prepareAgain();
    const results = [];
    for (const { fold, prepared: own } of folds.folds) {
      const { heldOut }: TrainResult = await run((input: TrainInput) => training.trainModel(input), trainInput(spec, fold, own));
      results.push({ fold, ...heldOut!, manifest: await store.readJson<PreparedManifest>(own) });
    }
    const predicted = results.map(({ fold, predictions }, i) => ({ fold, predictions, prepared: folds.folds[i].prepared }));
    const { assignment } = folds;
    const found = await run(data.findLabelIssues, { spec, snapshot, validation, clean, prepared, assignment, folds: predicted });
    const labels = await store.readJson<LabelIssuesReport>(found.report);
    return { main: await store.readJson<PreparedManifest>(prepared), folds, results, labels, prepareAgain };
  } finally {
    await children.close();
  }
}

function trainInput(spec: PipelineSpec, fold: number, prepared: ArtifactRef): TrainInput {
  const { model, training } = spec;
  return { key: `fold-${fold}`, prepared, model, training, primaryMetric: primaryMetric(spec) };
}

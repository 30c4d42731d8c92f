import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { figure } from '../contracts/figure.js';
import type { CrossValidationInput, CrossValidationSummary, FoldResult, PreparedFold } from '../contracts/cross-validation.js';
import { failureTypes } from '../contracts/failures.js';
import { foldWorkflowId } from '../contracts/ids.js';
import { primaryMetric } from '../contracts/pipeline/primary-metric.js';
import { foldFigures } from '../ml/evaluate/metrics/fold-figures.js';
import { failureReason } from './failure-reason.js';
import type { fold } from './fold.js';
import { data, tracking } from './proxies.js';

/**
 * Train the chosen configuration on each fold of the training and validation rows, and measure it on the rows held out.
 *
 * The folds run as children, `concurrency` at a time; MLflow hears of each while the next ones train. The first one that fails ends the others: figures over fewer folds
 * than asked for would look like what they are not.
 *
 * @throws `CrossValidationFailed` naming the fold and its reason
 */
export async function crossValidation(input: CrossValidationInput): Promise<CrossValidationSummary> {
  const { workflowId } = workflowInfo();
  const { spec, clean, prepared, snapshot, validation, tracked } = input;
  const { folds, assignment } = await data.prepareFolds.executeWithOptions({ summary: `${input.crossValidation.folds} folds` }, [
    { clean, spec, prepared },
  ]);
  const results = await allFolds(input, folds);
  const labelIssues =
    input.crossValidation.kind === 'k-fold' && input.crossValidation.labelIssues
      ? await data.findLabelIssues.executeWithOptions({ summary: 'rows that are probably mislabelled' }, [
          {
            spec,
            snapshot,
            validation,
            clean,
            prepared,
            assignment,
            folds: results.map(({ fold: number, predictions }, i) => ({ fold: number, predictions, prepared: folds[i].prepared })),
          },
        ])
      : undefined;
  const summary: CrossValidationSummary = {
    kind: input.crossValidation.kind,
    workflowId,
    folds: results.map(({ fold: number, rows }) => ({ fold: number, rows })),
    metrics: foldFigures(results.map(({ metrics }) => metrics)),
    ...(labelIssues ? { labelIssues } : {}),
  };
  await tracking.logCrossValidation.executeWithOptions({ summary: 'figures in MLflow' }, [{ tracked, summary }]);
  return summary;
}

/** @returns in the order of the folds */
async function allFolds(
  { spec, crossValidation: { concurrency }, tracked }: CrossValidationInput,
  folds: readonly PreparedFold[],
): Promise<FoldResult[]> {
  const { workflowId } = workflowInfo();
  const metric = primaryMetric(spec);
  const done: FoldResult[] = [];
  let running = 0;
  let failed: { readonly fold: number; readonly error: unknown } | undefined;
  const scope = new CancellationScope();
  const train = async (prepared: PreparedFold, foldId: string): Promise<FoldResult> => {
    running++;
    try {
      return await executeChild<typeof fold>('fold', {
        workflowId: foldId,
        args: [{ prepared, folds: folds.length, spec, tracked }],
        staticSummary: `fold ${prepared.fold} of ${folds.length}`,
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      });
    } finally {
      running--;
    }
  };
  const runFold = async (prepared: PreparedFold): Promise<void> => {
    const foldId = foldWorkflowId(workflowId, prepared.fold);
    try {
      const result = await scope.run(() => train(prepared, foldId));
      done[prepared.fold - 1] = result;
      setCurrentDetails(details(done, folds.length, metric));
      await scope.run(() =>
        tracking.logFold.executeWithOptions({ summary: `fold ${prepared.fold} in MLflow` }, [
          { ...result, tracked, foldWorkflowId: foldId },
        ]),
      );
    } catch (error) {
      failed ??= { fold: prepared.fold, error };
      scope.cancel();
    }
  };
  const all: Promise<void>[] = [];
  try {
    for (const prepared of folds) {
      await condition(() => running < concurrency || failed !== undefined);
      if (failed) break;
      all.push(runFold(prepared));
    }
  } finally {
    // Also after a cancellation: the folds end before what they belong to.
    await Promise.all(all);
  }
  if (failed) throw isCancellation(failed.error) ? failed.error : foldFailure(failed.fold, folds.length, failed.error);
  return done;
}

function foldFailure(number: number, folds: number, error: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.crossValidationFailed,
    nonRetryable: true,
    message: `Fold ${number} of ${folds} of the cross-validation failed: ${failureReason(error)}`,
    cause: error instanceof Error ? error : undefined,
  });
}

/** Markdown for the page of the cross-validation in Temporal's UI. */
function details(done: readonly FoldResult[], folds: number, metric: keyof FoldResult['metrics']): string {
  const ended = done.filter((result) => result !== undefined);
  const rows = ended.map(
    ({ fold: number, rows: { train, heldOut }, metrics }) => `| ${number} | ${train} | ${heldOut} | ${figure(metrics[metric], '')} |`,
  );
  return [
    `**cross-validation** ${ended.length}/${folds} folds`,
    '',
    `| fold | train | held out | ${metric} |`,
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

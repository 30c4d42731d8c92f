import { workflowInfo } from '@temporalio/workflow';
import type { FoldInput, FoldResult } from '../contracts/cross-validation.js';
import { primaryMetric } from '../contracts/pipeline/primary-metric.js';
import { training } from './proxies.js';

/** One fold of a cross-validation: train on its rows, and measure on those that it holds out. */
export async function fold({ prepared, folds, spec, tracked }: FoldInput): Promise<FoldResult> {
  const { workflowId } = workflowInfo();
  const trained = await training.trainModel.executeWithOptions({ summary: `fold ${prepared.fold} of ${folds}` }, [
    {
      key: workflowId,
      prepared: prepared.prepared,
      model: spec.model,
      training: spec.training,
      primaryMetric: primaryMetric(spec),
      ...(tracked
        ? {
            page: {
              experimentId: tracked.experimentId,
              runId: tracked.runId,
              nested: { kind: 'fold', number: prepared.fold, workflowId },
            },
          }
        : {}),
    },
  ]);
  const { metrics, predictions } = trained.heldOut!;
  return { fold: prepared.fold, rows: prepared.rows, metrics, predictions, history: trained.history };
}

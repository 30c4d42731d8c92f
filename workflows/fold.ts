import { workflowInfo } from '@temporalio/workflow';
import type { FoldInput, FoldResult } from '../contracts/cross-validation.js';
import { primaryMetric } from '../contracts/pipeline.js';
import { tracking, training } from './proxies.js';

/** One fold of a cross-validation: train on its rows, measure on those that it holds out, and log both. */
export async function fold({ prepared, folds, spec, tracked }: FoldInput): Promise<FoldResult> {
  const { workflowId } = workflowInfo();
  const trained = await training.trainModel.executeWithOptions({ summary: `fold ${prepared.fold} of ${folds}` }, [
    {
      key: workflowId,
      prepared: prepared.prepared,
      model: spec.model,
      training: spec.training,
      primaryMetric: primaryMetric(spec),
    },
  ]);
  const { metrics, predictions } = trained.heldOut!;
  const result: FoldResult = { fold: prepared.fold, rows: prepared.rows, metrics, predictions };
  await tracking.logFold.executeWithOptions({ summary: `fold ${prepared.fold}` }, [
    { ...result, tracked, foldWorkflowId: workflowId, history: trained.history },
  ]);
  return result;
}

import { condition, getExternalWorkflowHandle, isCancellation, setHandler, workflowInfo } from '@temporalio/workflow';
import { primaryMetric } from '../contracts/pipeline/primary-metric.js';
import { rungDecisionSignal, rungReportSignal, type TrialInput, type TrialResult } from '../contracts/training-pipeline.js';
import type { TrainResult } from '../contracts/training.js';
import { failureReason, isOfModelFile } from './failure-reason.js';
import { tracking, training } from './proxies.js';

/**
 * One configuration, rung by rung: train up to the rung's step, report the metric, wait for the sweep's word.
 *
 * Between rungs only the checkpoint is kept; no worker is held. A failed rung ends the trial, not the sweep.
 */
export async function trial(input: TrialInput): Promise<TrialResult> {
  const { workflowId } = workflowInfo();
  const { experimentId, runId } = input.tracked;
  const sweep = getExternalWorkflowHandle(input.sweepWorkflowId);
  const decisions = new Map<number, boolean>();
  setHandler(rungDecisionSignal, ({ rung, proceed }) => void decisions.set(rung, proceed));

  const metric = primaryMetric(input.spec);
  const totalSteps = input.rungs[input.rungs.length - 1];
  let trained: TrainResult | undefined;
  let state: TrialResult['state'] = 'completed';
  for (const [rung, untilStep] of input.rungs.entries()) {
    try {
      trained = await training.trainModel.executeWithOptions({ summary: `trial ${input.trial}, rung ${rung} (to step ${untilStep})` }, [
        {
          key: workflowId,
          prepared: input.prepared,
          model: input.spec.model,
          training: input.spec.training,
          primaryMetric: metric,
          totalSteps,
          untilStep,
          resumeFrom: trained?.checkpoint,
          validationRows: input.validationRows,
          page: { experimentId, runId, nested: { kind: 'trial', number: input.trial, workflowId } },
        },
      ]);
    } catch (error) {
      if (isCancellation(error)) throw error;
      state = 'failed';
      const cause = isOfModelFile(error) ? { isOfModelFile: true as const } : {};
      await sweep.signal(rungReportSignal, { trial: input.trial, rung, failure: failureReason(error), ...cause });
      break;
    }
    await sweep.signal(rungReportSignal, { trial: input.trial, rung, metric: trained.validation[metric] });
    if (rung === input.rungs.length - 1) break;
    await condition(() => decisions.has(rung));
    if (!decisions.get(rung)) {
      state = 'pruned';
      break;
    }
  }
  await tracking.logTrial.executeWithOptions({ summary: `trial ${input.trial} ${state}` }, [
    {
      tracked: input.tracked,
      trialWorkflowId: workflowId,
      trial: input.trial,
      parameters: input.parameters,
      state,
      metrics: trained?.validation ?? {},
      history: trained?.history ?? [],
    },
  ]);
  return { trial: input.trial, state, training: trained };
}

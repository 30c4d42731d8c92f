import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  startChild,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import { failureTypes } from '../contracts/failures.js';
import { trialWorkflowId } from '../contracts/ids.js';
import { isLowerBetter } from '../contracts/pipeline/metrics.js';
import { primaryMetric } from '../contracts/pipeline/primary-metric.js';
import {
  rungDecisionSignal,
  rungReportSignal,
  sweepStatusQuery,
  type SweepInput,
  type SweepResult,
} from '../contracts/training-pipeline.js';
import { parametersSummary } from '../ml/search/parameters-text.js';
import { applyParameters } from '../ml/search/apply-parameters.js';
import { sampleParameters } from '../ml/search/sample-parameters.js';
import { selectSurvivors } from '../ml/search/successive-halving.js';
import { failureReason } from './failure-reason.js';
import { SweepRecord } from './sweep/sweep-record.js';
import type { trial } from './trial.js';

/**
 * Random search with successive halving: all trials run to the first rung, the best ⌊n / eta⌋ (at least one) go on, until the last.
 *
 * A trial that fails, or that somebody terminates, is out; the others go on.
 *
 * @throws `SweepFailed` when no trial finished the first rung
 * @see Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization"
 */
export async function sweep(input: SweepInput): Promise<SweepResult> {
  const { workflowId } = workflowInfo();
  const { trials: size, eta, rungs, space, seed, concurrency } = input.sweep;
  const metric = primaryMetric(input.spec);
  const lowerIsBetter = isLowerBetter(metric);
  const parameters = Array.from({ length: size }, (_, index) => sampleParameters(space, seed, index));
  const record = new SweepRecord(
    metric,
    lowerIsBetter,
    rungs,
    parameters.map((values, index) => ({ trial: index, workflowId: trialWorkflowId(workflowId, index), parameters: values })),
  );

  setHandler(sweepStatusQuery, () => record.status());
  setHandler(rungReportSignal, (report) => {
    record.report(report);
    setCurrentDetails(record.details());
  });

  const handles: ChildWorkflowHandle<typeof trial>[] = [];
  let alive = parameters.map((_, index) => index);
  for (const rung of rungs.keys()) {
    for (const index of alive) {
      await condition(() => record.running() < concurrency);
      if (record.hasFailed(index)) continue;
      record.begin(index, rung);
      if (rung > 0) await decide(index, rung - 1, true);
      else watch(index, (handles[index] = await start(index)));
    }
    await condition(() => record.running() === 0);
    if (rung === rungs.length - 1) break;
    const survivors = new Set(selectSurvivors(record.results(alive), eta, lowerIsBetter));
    for (const index of alive.filter((candidate) => !survivors.has(candidate) && !record.hasFailed(candidate))) {
      record.prune(index);
      await decide(index, rung, false);
    }
    alive = alive.filter((candidate) => survivors.has(candidate));
    if (alive.length === 0) break;
  }
  const results = await Promise.all(handles.map((handle) => handle.result().catch(throwWhenCancelled)));

  const best = record.best();
  if (!best) throw ApplicationFailure.create({ type: failureTypes.sweepFailed, nonRetryable: true, message: sweepFailure(record) });
  setCurrentDetails(record.details());
  const trained = results.find((result) => result?.trial === best.trial)?.training;
  return {
    best: { trial: best.trial, parameters: best.parameters, metric: best.metric, ...(trained ? { training: trained } : {}) },
    trials: record.status().trials,
  };

  /** A trial that somebody ends from outside reports no rung; the sweep must not wait for it. */
  function watch(index: number, handle: ChildWorkflowHandle<typeof trial>): void {
    handle.result().catch((error: unknown) => record.lose(index, failureReason(error)));
  }

  async function decide(index: number, rung: number, proceed: boolean): Promise<void> {
    try {
      await handles[index].signal(rungDecisionSignal, { rung, proceed });
    } catch (error) {
      if (isCancellation(error)) throw error;
      record.lose(index, 'The trial ended before the sweep could tell it whether it goes on.');
    }
  }

  function start(index: number): Promise<ChildWorkflowHandle<typeof trial>> {
    return startChild<typeof trial>('trial', {
      workflowId: trialWorkflowId(workflowId, index),
      args: [
        {
          sweepWorkflowId: workflowId,
          trial: index,
          parameters: parameters[index],
          spec: applyParameters(input.spec, parameters[index]),
          rungs,
          prepared: input.prepared,
          tracked: input.tracked,
          validationRows: input.sweep.validationRows,
        },
      ],
      staticSummary: `trial ${index}: ${parametersSummary(parameters[index], 170)}`,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
  }
}

/** What became of a single trial stands in the record. */
function throwWhenCancelled(error: unknown): undefined {
  if (CancellationScope.current().consideredCancelled) throw error;
}

function sweepFailure(record: SweepRecord): string {
  const failures = record.status().trials.map(({ trial: index, failure }) => `trial ${index}: ${failure ?? 'no metric'}`);
  return `None of the ${failures.length} trials of the sweep finished a rung with a usable metric. First failures: ${failures.slice(0, 3).join(' | ')}. Narrow the search space (sweep.space), lower the learning rate, or run one configuration without a sweep to see what is wrong.`;
}

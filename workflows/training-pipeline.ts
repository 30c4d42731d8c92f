import {
  ChildWorkflowCancellationType,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { figure } from '../contracts/figure.js';
import type { EvaluationResult, TrackedRun } from '../contracts/activities.js';
import { parsePipelineWorkflowId, sweepWorkflowId } from '../contracts/ids.js';
import type { ModelBundle } from '../contracts/model.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import { primaryMetric } from '../contracts/pipeline/primary-metric.js';
import { coarseThreshold } from '../contracts/pipeline/coarse-threshold.js';
import { searchAttributes } from '../contracts/search-attributes.js';
import {
  statusQuery,
  type RunResult,
  type StageName,
  type SweepInput,
  type SweepResult,
  type TrainingPipelineInput,
} from '../contracts/training-pipeline.js';
import { applyParameters } from '../ml/search/apply-parameters.js';
import { failureReason, isSuperseded } from './failure-reason.js';
import { data, tracking } from './proxies.js';
import type { sweep } from './sweep.js';
import { approvalHandlers } from './training-pipeline/approval.js';
import { belowBaseline } from './training-pipeline/below-baseline.js';
import { type DataDecision, dataDecisionHandlers } from './training-pipeline/data-decision.js';
import { checkEngines } from './training-pipeline/check-engines.js';
import { crossValidate } from './training-pipeline/cross-validate.js';
import { ingest } from './training-pipeline/ingest.js';
import { prepare } from './training-pipeline/prepare.js';
import { type Measured, promote } from './training-pipeline/promote.js';
import { RunRecord } from './training-pipeline/run-record.js';
import { count, metricText, type RunStage, stagedBy } from './training-pipeline/staged.js';
import { train } from './training-pipeline/train.js';
import { validate } from './training-pipeline/validate.js';
import { TrackedRunHandle } from './training-pipeline/tracked-run.js';

/**
 * The life of one model version: ingest → validate → prepare → sweep → cross-validate → train → evaluate → register → promote.
 *
 * Ends `promoted` or `rejected` as a result; fails when a stage fails, cancels when it is cancelled.
 */
export async function trainingPipeline({ spec }: TrainingPipelineInput): Promise<RunResult> {
  const { workflowId, startTime } = workflowInfo();
  const run = parsePipelineWorkflowId(workflowId)?.run ?? workflowId;
  const record = new RunRecord({
    pipeline: spec.name,
    run,
    workflowId,
    primaryMetric: primaryMetric(spec),
    startedAtMs: startTime.getTime(),
  });
  setHandler(statusQuery, () => record.status());
  const approval = approvalHandlers(() => record.awaitsApproval);
  const decision = dataDecisionHandlers(() => record.awaitedOverride);
  const publish = (): void => setCurrentDetails(record.details());
  const tracked = new TrackedRunHandle(spec, run, (opened) => {
    record.learn({ tracked: opened });
    publish();
  });

  async function stage(name: StageName, work: () => Promise<string>): Promise<void> {
    record.begin(name, Date.now());
    upsertSearchAttributes([{ key: searchAttributes.stage, value: name }]);
    publish();
    const summary = await work();
    record.finish(name, Date.now(), summary);
    publish();
  }

  try {
    upsertSearchAttributes([{ key: searchAttributes.pipeline, value: spec.name }]);
    await runStages(spec, { record, tracked, approval, decision, stage, publish }).catch((error: unknown) => {
      if (!isSuperseded(error)) throw error;
      record.end('rejected', Date.now(), failureReason(error));
    });
    showOutcome(record);
  } catch (error) {
    const outcome = isCancellation(error) ? 'cancelled' : 'failed';
    record.end(outcome, Date.now(), failureReason(error));
    publish();
    await tracked.close(outcome, failureReason(error));
    throw error;
  }
  const { state, reason } = record.status();
  await tracked.close(state === 'promoted' ? 'promoted' : 'rejected', reason);
  publish();
  return record.result(Date.now());
}

/** Lists of runs in Temporal's UI show promoted or rejected where they showed the stage; of a failed run, the stage that failed. */
function showOutcome(record: RunRecord): void {
  upsertSearchAttributes([{ key: searchAttributes.stage, value: record.status().state }]);
}

interface RunContext {
  readonly record: RunRecord;
  readonly tracked: TrackedRunHandle;
  readonly approval: ReturnType<typeof approvalHandlers>;
  readonly decision: DataDecision;
  readonly stage: RunStage;
  readonly publish: () => void;
}

async function runStages(spec: PipelineSpec, { record, tracked, approval, decision, stage, publish }: RunContext): Promise<void> {
  const { workflowId, startTime } = workflowInfo();
  const metric = primaryMetric(spec);
  const staged = stagedBy(stage);

  await checkEngines(spec);
  const ingested = await ingest(spec, staged, record);
  const { snapshot, validation, override } = await validate(spec, ingested, { staged, record, decision, tracked, publish });
  const prepared = await prepare(spec, validation.clean!, staged);

  // Beside the search; MLflow may still be starting.
  const logged = tracked
    .get()
    .then((opened) =>
      tracking.logDataset.executeWithOptions({ summary: 'data set in MLflow' }, [{ tracked: opened, snapshot, validation, prepared }]),
    );
  logged.catch(() => undefined); // awaited before the model is registered

  let chosen = spec;
  let parameters: Readonly<Record<string, unknown>> = {};
  let found: SweepResult['best'] | undefined;
  if (spec.sweep) {
    const sweepId = sweepWorkflowId(workflowId);
    const { trials: size, rungs } = spec.sweep;
    const input: Omit<SweepInput, 'tracked'> = { spec, sweep: spec.sweep, prepared: prepared.manifest };
    const result = await staged(
      'sweep',
      async () => {
        const opened = await openedRun('sweep');
        record.learn({ sweepWorkflowId: sweepId });
        return executeChild<typeof sweep>('sweep', {
          workflowId: sweepId,
          args: [{ ...input, tracked: opened }],
          staticSummary: `${size} trials, rungs at ${rungs.join(', ')} steps`,
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        });
      },
      ({ best, trials }) => `${trials.length} trials, best ${metric} ${figure(best.metric)} (trial ${best.trial})`,
    );
    found = result.best;
    parameters = found.parameters;
    chosen = applyParameters(spec, parameters);
  } else record.skip('sweep', 'the pipeline has none');

  const folded = { clean: validation.clean!, prepared: prepared.manifest, snapshot: snapshot.manifest, validation: validation.report };
  const crossValidation = await crossValidate(chosen, folded, { staged, record, openedRun: () => openedRun('cross-validate') });

  const { training, curve } = await train(chosen, { prepared, best: found, key: workflowId, staged, record });
  const { parametersDigest, digest: trainingDigest } = training;
  record.learn({ trained: { seed: chosen.training.seed, parametersDigest, trainingDigest } });

  const { bundle, measured } = await staged(
    'evaluate',
    async () => {
      explain('evaluate', 'export of the model');
      const bundle = await data.exportModel.executeWithOptions({ summary: 'one graph from raw columns to prediction' }, [
        { spec: chosen, prepared: prepared.manifest, checkpoint: training.checkpoint, dataDigest: snapshot.digest },
      ]);
      record.learn({ modelDigest: bundle.model.sha256 });
      explain('evaluate', undefined);
      return { bundle, measured: await measure(bundle) };
    },
    ({ measured: { evaluation } }) => {
      const { summary } = evaluation;
      learnOf(evaluation);
      const warning = belowBaseline(metric, summary.metrics, summary.baseline, spec.gates);
      if (warning !== undefined) {
        record.learn({ belowBaseline: warning });
        record.warn(warning);
      }
      const coarse = coarseThreshold(spec.serving, prepared.rows.train);
      if (coarse !== undefined) record.warn(coarse);
      const value = summary.metrics[metric];
      if (value !== undefined) upsertSearchAttributes([{ key: searchAttributes.metric, value }]);
      return `${metricText(summary.metrics, metric)} on ${count(summary.rows)} test rows, baseline ${metricText(summary.baseline, metric)}`;
    },
  );

  const version = await staged(
    'register',
    async () => {
      const opened = await openedRun('register');
      await logged;
      const dataDigest = snapshot.digest;
      return tracking.registerModelVersion.executeWithOptions({ summary: `model ${spec.name}` }, [
        {
          tracked: opened,
          spec: chosen,
          workflowId,
          startedAtMs: startTime.getTime(),
          bundle,
          evaluation: measured.evaluation,
          training,
          ...(curve ? { curve } : {}),
          parameters,
          dataDigest,
          dataOverride: override,
        },
      ]);
    },
    (registered) => {
      record.learn({ version: registered.version });
      upsertSearchAttributes([{ key: searchAttributes.modelVersion, value: `${spec.name}/${registered.version}` }]);
      return `version ${registered.version}, alias challenger`;
    },
  );

  await stage('promote', () =>
    promote(
      spec,
      {
        version,
        measured,
        crossValidated: crossValidation?.metrics,
        measure: async () => {
          const again = await measure(bundle);
          learnOf(again.evaluation);
          return again;
        },
      },
      { record, approval, publish },
    ),
  );

  async function measure(bundle: ModelBundle): Promise<Measured> {
    const champion = await tracking.currentChampion.executeWithOptions({ summary: 'who serves today' }, [{ model: spec.name }]);
    const evaluation = await data.evaluateModel.executeWithOptions({ summary: `${count(prepared.rows.test)} test rows` }, [
      { spec: chosen, prepared: prepared.manifest, bundle, champion },
    ]);
    return { champion, evaluation };
  }

  function learnOf({ summary: { metrics, baseline, champion, championSkipped } }: EvaluationResult): void {
    record.learn({ test: metrics, baseline, champion });
    if (championSkipped) record.warn(`Not compared with the champion: ${championSkipped}`);
  }

  /** The first stages do without MLflow; from here on the run waits for it, and says so. */
  async function openedRun(name: StageName): Promise<TrackedRun> {
    if (tracked.isOpen) return tracked.get();
    explain(name, 'waits for MLflow');
    const opened = await tracked.get();
    explain(name, undefined);
    return opened;
  }

  function explain(name: StageName, what: string | undefined): void {
    record.explain(name, what);
    publish();
  }
}

import { ApplicationFailure, isCancellation, patched, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { ValidationResult } from '../../contracts/activities.js';
import type { Anomaly, Snapshot } from '../../contracts/dataset.js';
import { failureTypes } from '../../contracts/failures.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { describeSource } from '../../contracts/pipeline/describe-source.js';
import { searchAttributes } from '../../contracts/search-attributes.js';
import { failureReason } from '../failure-reason.js';
import { data, tracking } from '../proxies.js';
import type { DataDecision } from './data-decision.js';
import { readSource } from './ingest.js';
import { overrideObstacle } from './override-obstacle.js';
import type { RunRecord } from './run-record.js';
import { pauseBeforeLook } from './source-looks.js';
import { count, type StageWithResult } from './staged.js';
import type { TrackedRunHandle } from './tracked-run.js';

/** Data that a run goes on with. */
export interface ValidatedData {
  readonly snapshot: Snapshot;
  readonly validation: ValidationResult;
  /** Why they may pass although they do not meet the expectations. */
  readonly override?: string;
}

export interface ValidationContext {
  readonly staged: StageWithResult;
  readonly record: RunRecord;
  readonly decision: DataDecision;
  readonly tracked: TrackedRunHandle;
  readonly publish: () => void;
}

/**
 * The snapshot is held against the pipeline's expectations. When it does not meet them the run waits until somebody lets
 * the data pass or the source has been mended, or fails, as `expectations.onError` says.
 *
 * @throws `InvalidData` when the data do not meet the expectations and nobody has decided otherwise in time
 */
export function validate(spec: PipelineSpec, ingested: Snapshot, context: ValidationContext): Promise<ValidatedData> {
  return context.staged(
    'validate',
    async () => {
      const first: ValidatedData = { snapshot: ingested, validation: await check(spec, ingested, context) };
      const accepted = first.validation.passed ? first : await decided(spec, first, context);
      await data.acceptDataset.executeWithOptions({ summary: 'what the next run is compared with' }, [
        { pipeline: spec.name, report: accepted.validation.report },
      ]);
      return accepted;
    },
    ({ validation, override }) => {
      const quarantined = validation.quarantined.map(({ reason, rows }) => `${count(rows)} quarantined (${reason})`);
      const passed =
        override === undefined ? `${count(validation.rows)} rows pass` : `${count(validation.rows)} rows, overridden: ${override}`;
      return [passed, ...quarantined].join(', ');
    },
  );
}

async function check(spec: PipelineSpec, snapshot: Snapshot, { record, tracked }: ValidationContext): Promise<ValidationResult> {
  const validation = await data.validateDataset.executeWithOptions({ summary: `${count(snapshot.rows)} rows` }, [{ snapshot, spec }]);
  const { anomalies, report, page } = validation;
  record.learn({ anomalies, validationReport: report, validationPage: page, dataDigest: snapshot.digest });
  tracked.report(validation);
  return validation;
}

/** Wait until the data may pass: overridden as they are, or others that pass by themselves. */
async function decided(spec: PipelineSpec, refused: ValidatedData, context: ValidationContext): Promise<ValidatedData> {
  const { onError, waitSeconds, recheckSeconds } = spec.expectations;
  if (onError === 'fail') throw invalidData(refused.validation);
  const { decision, record } = context;
  const beganMs = Date.now();
  const untilMs = beganMs + waitSeconds * 1000;
  let { identity } = await lookAtSource(spec);
  let current = refused;
  for (let looks = 0; ; looks++) {
    beginWaiting(current.validation, untilMs, looks, context);
    const pauseMs = Math.min(pauseBeforeLook(looks, Date.now() - beganMs, recheckSeconds * 1000), untilMs - Date.now());
    const event = pauseMs > 0 ? await decision.within(pauseMs) : 'pause';
    const seen = event === 'override' ? { identity } : await lookAtSource(spec);
    if (decision.override !== undefined) return overridden(current, decision.override, context);
    if (patched('superseded-while-waiting')) await assertNotSuperseded(spec, context);
    if (event === 'pause' && seen.identity === identity) {
      if (Date.now() >= untilMs) throw invalidData(current.validation, waitSeconds);
      continue;
    }
    // Nobody can let data pass that are being replaced.
    record.resume('validate');
    record.explain('validate', 'reads the source again');
    context.publish();
    ({ identity } = seen);
    const next = await readAgain(spec, current, event === 'recheck', context);
    if (next.validation.passed) {
      endWaiting(context);
      return next;
    }
    current = next;
  }
}

/** A model of newer data serves: those that the run waits for are of no use any more. @throws `Superseded` */
async function assertNotSuperseded({ name }: PipelineSpec, context: ValidationContext): Promise<void> {
  const champion = await tracking.currentChampion.executeWithOptions({ summary: 'whether a newer run was promoted' }, [{ model: name }]);
  if (champion?.runStartedAtMs === undefined || champion.runStartedAtMs <= workflowInfo().startTime.getTime()) return;
  endWaiting(context);
  throw ApplicationFailure.create({
    type: failureTypes.superseded,
    nonRetryable: true,
    message: `While the run waited for its data, version ${champion.version} of ${champion.pipelineRun ? `the run ${champion.pipelineRun}` : 'a run'}, which started later, was promoted. Nothing is left to do for this run; start a new one when the data should be read again.`,
  });
}

/** @returns what was there before when the source cannot be read at the moment, or holds what it held */
async function readAgain(spec: PipelineSpec, before: ValidatedData, isAsked: boolean, context: ValidationContext): Promise<ValidatedData> {
  let snapshot: Snapshot;
  try {
    snapshot = await readSource(spec);
  } catch (error) {
    if (isCancellation(error)) throw error;
    context.record.warn(`The source was looked at again and could not be read: ${failureReason(error)}`);
    return before;
  }
  if (snapshot.digest === before.snapshot.digest && !isAsked) return before;
  return { snapshot, validation: await check(spec, snapshot, context) };
}

function lookAtSource(spec: PipelineSpec): Promise<{ readonly identity: string }> {
  return data.sourceIdentity.executeWithOptions({ summary: describeSource(spec.source) }, [{ source: spec.source }]);
}

function beginWaiting(validation: ValidationResult, untilMs: number, looks: number, { record, tracked, publish }: ValidationContext): void {
  const isNew = record.awaitedOverride === undefined;
  record.awaitOverride('validate', {
    refusal: validation.refusal ?? 'The data do not meet the expectations of the pipeline.',
    canOverride: validation.clean !== undefined,
    ...(validation.clean === undefined ? { obstacle: overrideObstacle(validation.anomalies) } : {}),
    untilMs,
    looks,
  });
  if (!isNew) return;
  upsertSearchAttributes([{ key: searchAttributes.stage, value: 'awaiting-override' }]);
  tracked.tag({ waitsFor: 'override' });
  publish();
}

function endWaiting({ record, tracked, publish }: ValidationContext): void {
  record.resume('validate');
  upsertSearchAttributes([{ key: searchAttributes.stage, value: 'validate' }]);
  tracked.tag({ waitsFor: '' });
  publish();
}

function overridden(current: ValidatedData, reason: string, context: ValidationContext): ValidatedData {
  const errors = current.validation.anomalies.filter(({ severity }) => severity === 'error').map(nameOf);
  endWaiting(context);
  context.tracked.tag({ dataOverride: reason });
  context.record.learn({ dataOverride: { reason, atMs: Date.now(), errors } });
  return { ...current, override: reason };
}

function nameOf({ rule, column }: Anomaly): string {
  return column === undefined ? rule : `${rule} of "${column}"`;
}

function invalidData({ refusal, anomalies }: ValidationResult, waitedSeconds?: number): ApplicationFailure {
  const waited = waitedSeconds === undefined ? '' : ` Nobody decided within ${waitedSeconds} seconds (expectations.waitSeconds).`;
  return ApplicationFailure.create({
    type: failureTypes.invalidData,
    nonRetryable: true,
    message: `${refusal}${waited}`,
    details: [anomalies],
  });
}

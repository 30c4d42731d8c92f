import { defaultPayloadConverter, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { crossValidationWorkflowId } from '../../contracts/ids.js';
import { statusQuery, sweepStatusQuery, type PipelineStatus, type SweepStatus } from '../../contracts/training-pipeline.js';
import type { TrainProgress } from '../../contracts/training.js';

/** A training activity that runs now, or waits for a slot. */
export interface RunningTraining {
  /** Number of the trial; absent for the final training. */
  readonly trial?: number;
  /** Number of the fold of the cross-validation. */
  readonly fold?: number;
  readonly attempt: number;
  /** No worker has it. */
  readonly waits?: true;
  /** Absent until its first heartbeat. */
  readonly progress?: TrainProgress;
}

/** `PENDING_ACTIVITY_STATE_SCHEDULED` and `…_STARTED` of Temporal's API: no worker has it; one has. */
const scheduled = 1;
const started = 2;

/** An activity of which nothing is heard. */
export interface Idle {
  readonly trial?: number;
  readonly fold?: number;
  readonly activity: string;
  /** `worker`: none has taken it. `heartbeat`: the one that has it does not report; it may have died. */
  readonly lacks: 'worker' | 'heartbeat';
  readonly seconds: number;
}

/** Workers report every second, and take what they can within one. */
const idleAfterSeconds = 4;

/** An activity whose last attempt failed, and that waits for its next one. */
export interface Setback {
  /** Number of the trial; absent outside of trials. */
  readonly trial?: number;
  readonly activity: string;
  readonly failedAttempts: number;
  readonly reason: string;
}

/** What is known of a run at one moment. */
export interface RunSnapshot {
  readonly status: PipelineStatus;
  readonly sweep?: SweepStatus;
  readonly trainings: readonly RunningTraining[];
  readonly setbacks?: readonly Setback[];
  readonly idle?: readonly Idle[];
}

/**
 * Ask the run, its sweep and its running activities how far they are.
 *
 * @param previous what it said last; a sweep that has ended is not asked again
 */
export async function readRunSnapshot(client: Client, workflowId: string, previous?: RunSnapshot): Promise<RunSnapshot> {
  const status = await client.workflow.getHandle(workflowId).query(statusQuery);
  const stage = status.stages.find(({ state }) => state === 'running')?.name;
  const sweepEnded = stage !== 'sweep' && previous?.status.stages.find(({ name }) => name === 'sweep')?.state === 'done';
  const sweep = status.sweepWorkflowId && !sweepEnded ? await readSweep(client, status.sweepWorkflowId) : undefined;
  const running = stage === 'sweep' && sweep ? sweep.trials.filter(({ state }) => state === 'running') : [];
  const pending = await Promise.all([
    readPending(client, workflowId),
    ...(stage === 'sweep' && sweep ? [readPending(client, status.sweepWorkflowId!)] : []),
    ...running.map(async ({ trial, workflowId: id }) => readPending(client, id, { trial })),
    ...(stage === 'cross-validate' ? [readFolds(client, crossValidationWorkflowId(workflowId))] : []),
  ]);
  const trainings = stage === 'train' || stage === 'sweep' || stage === 'cross-validate' ? pending.flat().flatMap(trainingOf) : [];
  const setbacks = pending.flat().flatMap(setbackOf);
  const idle = pending.flat().flatMap((activity) => idleOf(activity, Date.now()));
  return {
    status,
    sweep: (sweep && (stage === 'sweep' ? withWaiting(sweep, trainings) : sweep)) ?? previous?.sweep,
    trainings,
    setbacks,
    idle,
  };
}

/** The sweep knows that a trial has its turn, and not whether a worker trains it yet. */
export function withWaiting(sweep: SweepStatus, trainings: readonly RunningTraining[]): SweepStatus {
  const trained = new Set(trainings.flatMap(({ trial, waits }) => (waits || trial === undefined ? [] : [trial])));
  const isWaiting = ({ trial, state }: SweepStatus['trials'][number]): boolean => state === 'running' && !trained.has(trial);
  return { ...sweep, trials: sweep.trials.map((trial) => (isWaiting(trial) ? { ...trial, state: 'waiting' } : trial)) };
}

/** The sweep is a child that may not have started yet. */
async function readSweep(client: Client, workflowId: string): Promise<SweepStatus | undefined> {
  return client.workflow
    .getHandle(workflowId)
    .query(sweepStatusQuery)
    .catch(() => undefined);
}

/** Where an activity runs below its run. */
interface Place {
  readonly trial?: number;
  readonly fold?: number;
}

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number] & Place;

/** The activities of a cross-validation and of the folds that run now. */
async function readFolds(client: Client, workflowId: string): Promise<PendingActivity[]> {
  const description = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  const folds = (description?.raw.pendingChildren ?? []).flatMap(({ workflowId: id }) => {
    const fold = /\/fold-(\d+)$/.exec(id ?? '')?.[1];
    return fold === undefined ? [] : [readPending(client, id!, { fold: Number(fold) })];
  });
  return [...(description?.raw.pendingActivities ?? []), ...(await Promise.all(folds)).flat()];
}

async function readPending(client: Client, workflowId: string, place: Place = {}): Promise<PendingActivity[]> {
  const description = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  return (description?.raw.pendingActivities ?? []).map((activity) => ({ ...activity, ...place }));
}

function trainingOf({ activityType, heartbeatDetails, attempt, state, trial, fold }: PendingActivity): RunningTraining[] {
  if (activityType?.name !== 'trainModel') return [];
  const payload = heartbeatDetails?.payloads?.[0];
  const progress = payload ? defaultPayloadConverter.fromPayload<TrainProgress>(payload) : undefined;
  return [
    {
      ...(trial === undefined ? {} : { trial }),
      ...(fold === undefined ? {} : { fold }),
      attempt: attempt ?? 1,
      ...(state === scheduled ? { waits: true } : {}),
      // Of what failed before its first step, only the failures are known.
      progress: progress && progress.totalSteps > 0 ? progress : undefined,
    },
  ];
}

/** A first attempt that no worker takes, or one whose worker is silent; a trial that waits for a slot is no news. */
function idleOf({ activityType, state, trial, fold, ...times }: PendingActivity, nowMs: number): Idle[] {
  const activity = activityType?.name ?? 'an activity';
  const seconds = (since: Timestamp): number => (since ? Math.floor(nowMs / 1000 - Number(since.seconds ?? 0)) : 0);
  const place = { ...(trial === undefined ? {} : { trial }), ...(fold === undefined ? {} : { fold }), activity };
  if (state === scheduled && !times.lastFailure) {
    const waited = seconds(times.scheduledTime);
    const waitsForSlot = activity === 'trainModel' && (trial !== undefined || fold !== undefined);
    return waited >= idleAfterSeconds && !waitsForSlot ? [{ ...place, lacks: 'worker', seconds: waited }] : [];
  }
  // Of others than these it is not known whether they report at all.
  if (state !== started || !times.lastHeartbeatTime || !times.heartbeatDetails) return [];
  const silent = Math.min(seconds(times.lastHeartbeatTime), seconds(times.lastStartedTime));
  return silent >= idleAfterSeconds ? [{ ...place, lacks: 'heartbeat', seconds: silent }] : [];
}

type Timestamp = PendingActivity['lastHeartbeatTime'];

/** `openRun` is tried that often in the half minute that a first start of MLflow may take. */
const startingAttempts = 9;

/** Of an activity that is being tried again at this moment, the last failure is history. */
function setbackOf({ activityType, attempt, lastFailure, state, trial }: PendingActivity): Setback[] {
  if (!lastFailure || state !== scheduled) return [];
  const reason = lastFailure.timeoutFailureInfo ? 'its worker stopped reporting' : (lastFailure.message ?? 'unknown failure');
  const activity = activityType?.name ?? 'an activity';
  // A server that is still starting is no news; the stage that needs it says that it waits.
  if (activity === 'openRun' && (attempt ?? 1) <= startingAttempts) return [];
  return [{ ...(trial === undefined ? {} : { trial }), activity, failedAttempts: Math.max(1, (attempt ?? 2) - 1), reason }];
}

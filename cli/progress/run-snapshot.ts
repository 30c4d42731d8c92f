import { defaultPayloadConverter, type Client } from '@temporalio/client';
import { statusQuery, sweepStatusQuery, type PipelineStatus, type SweepStatus } from '../../contracts/training-pipeline.js';
import type { TrainProgress } from '../../contracts/training.js';

/** A training activity that runs now. */
export interface RunningTraining {
  /** Number of the trial; absent for the final training. */
  readonly trial?: number;
  readonly attempt: number;
  /** Absent until its first heartbeat. */
  readonly progress?: TrainProgress;
}

/** What is known of a run at one moment. */
export interface RunSnapshot {
  readonly status: PipelineStatus;
  readonly sweep?: SweepStatus;
  readonly trainings: readonly RunningTraining[];
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
  const trainings =
    stage === 'train'
      ? await readTrainings(client, workflowId)
      : stage === 'sweep' && sweep
        ? (
            await Promise.all(
              sweep.trials
                .filter(({ state }) => state === 'running')
                .map(async ({ trial, workflowId: id }) => (await readTrainings(client, id)).map((training) => ({ ...training, trial }))),
            )
          ).flat()
        : [];
  return { status, sweep: sweep ?? previous?.sweep, trainings };
}

/** The sweep is a child that may not have started yet. */
async function readSweep(client: Client, workflowId: string): Promise<SweepStatus | undefined> {
  return client.workflow
    .getHandle(workflowId)
    .query(sweepStatusQuery)
    .catch(() => undefined);
}

async function readTrainings(client: Client, workflowId: string): Promise<RunningTraining[]> {
  const description = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  return (description?.raw.pendingActivities ?? [])
    .filter(({ activityType }) => activityType?.name === 'trainModel')
    .map(({ heartbeatDetails, attempt }) => {
      const payload = heartbeatDetails?.payloads?.[0];
      return { attempt: attempt ?? 1, progress: payload ? defaultPayloadConverter.fromPayload<TrainProgress>(payload) : undefined };
    });
}

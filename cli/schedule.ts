import { ScheduleOverlapPolicy, type ScheduleHandle } from '@temporalio/client';
import { pipelineWorkflowId, scheduleId } from '../contracts/ids.js';
import { taskQueues } from '../contracts/task-queues.js';
import { workflowTypes } from '../contracts/training-pipeline.js';
import { CommandError, usageError } from './command-error.js';
import { pipelineToSubmit } from './submit-pipeline.js';
import { printJson, printLine, table, timestamp } from './output.js';
import { runDescription } from './runs.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

export interface ScheduleCreateOptions {
  readonly cron?: readonly string[];
  readonly every?: string;
  readonly timezone?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

export type ScheduleChange = 'pause' | 'resume' | 'trigger' | 'delete';

const prefix = scheduleId('');
const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/**
 * @param text `90s`, `30m`, `12h`, `7d`, `2w`
 * @returns milliseconds
 * @throws CommandError (usage)
 */
export function parseEvery(text: string): number {
  const match = /^(\d+)\s*([smhdw])$/.exec(text.trim());
  const every = match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : 0;
  if (every < 1000)
    throw usageError(`"${text}" is not a duration. Write a whole number and a unit (s, m, h, d, w), for example --every 12h.`);
  return every;
}

/** `anneal schedule create`: the definition as it is now is kept with the schedule. */
export async function createSchedule(pipeline: string, options: ScheduleCreateOptions): Promise<void> {
  const { cron = [], every, timezone, set, json } = options;
  if (cron.length === 0 && every === undefined) throw usageError('Say when: --cron "0 3 * * *" or --every 12h.');
  const everyMs = every === undefined ? undefined : parseEvery(every);
  const spec = await pipelineToSubmit(pipeline, set);
  const id = scheduleId(spec.name);
  const nextRun = await withTemporal(commandSettings(), async (client) => {
    try {
      const handle = await client.schedule.create({
        scheduleId: id,
        spec: {
          ...(cron.length > 0 ? { cronExpressions: [...cron] } : {}),
          ...(everyMs === undefined ? {} : { intervals: [{ every: everyMs }] }),
          ...(timezone ? { timezone } : {}),
        },
        policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
        action: {
          type: 'startWorkflow',
          workflowType: workflowTypes.trainingPipeline,
          // Temporal appends the time, which makes the run's id.
          workflowId: pipelineWorkflowId(spec.name, 'scheduled'),
          taskQueue: taskQueues.orchestration,
          args: [{ spec }],
          ...runDescription(spec),
        },
      });
      return await nextTime(handle);
    } catch (error) {
      const { name, message } = error as Error;
      if (name === 'ScheduleAlreadyRunning') {
        throw new CommandError(
          `There is a schedule for ${spec.name} already. "anneal schedule delete ${spec.name}" removes it, then create the new one.`,
          undefined,
          { cause: error },
        );
      }
      if (/invalid (cron|schedule|time ?zone)|unknown time zone|cron|schedule spec|is not in range/i.test(message)) {
        throw usageError(`Temporal refuses this schedule: ${message}. Check --cron (five fields, e.g. "0 3 * * MON") and --timezone.`);
      }
      throw error;
    }
  });
  if (json) printJson({ schedule: id, pipeline: spec.name, cron, every: every ?? null, overlap: 'skip', nextRun: nextRun ?? null });
  else printLine(`${spec.name} is scheduled${nextRun ? `; the next run starts at ${timestamp(Date.parse(nextRun))} UTC` : ''}.`);
}

async function nextTime(handle: ScheduleHandle): Promise<string | undefined> {
  const { info } = await handle.describe();
  return info.nextActionTimes[0]?.toISOString();
}

/** `anneal schedule list` */
export async function listSchedules({ json }: { readonly json?: boolean }): Promise<void> {
  const schedules = await withTemporal(commandSettings(), async (client) => {
    const ids: string[] = [];
    for await (const { scheduleId: id } of client.schedule.list()) if (id.startsWith(prefix)) ids.push(id);
    // The list lags behind and leaves out when; the description is exact.
    return Promise.all(
      ids.sort().map(async (id) => {
        const { spec, state, info } = await client.schedule.getHandle(id).describe();
        return {
          schedule: id,
          pipeline: id.slice(prefix.length),
          paused: state.paused,
          everyMs: spec.intervals?.map(({ every }) => Number(every)) ?? [],
          calendars: spec.calendars?.length ?? 0,
          nextRun: state.paused ? null : (info.nextActionTimes[0]?.toISOString() ?? null),
          lastRun: info.recentActions.at(-1)?.takenAt.toISOString() ?? null,
          runs: info.numActionsTaken,
          skipped: info.numActionsSkippedOverlap,
        };
      }),
    );
  });
  if (json) return printJson({ schedules });
  if (schedules.length === 0) return printLine('There are no schedules. "anneal schedule create flight-delay --every 12h" makes one.');
  const at = (time: string | null) => (time === null ? '–' : timestamp(Date.parse(time)));
  const rows = schedules.map(({ pipeline, paused, nextRun, lastRun, runs, skipped }) => [
    pipeline,
    paused ? 'paused' : 'active',
    at(nextRun),
    at(lastRun),
    String(runs),
    String(skipped),
  ]);
  for (const line of table(['PIPELINE', 'STATE', 'NEXT (UTC)', 'LAST (UTC)', 'RUNS', 'SKIPPED'], rows)) printLine(line);
}

/** `anneal schedule pause|resume|trigger|delete` */
export async function changeSchedule(pipeline: string, change: ScheduleChange, { json }: { readonly json?: boolean }): Promise<void> {
  const id = scheduleId(pipeline);
  await withTemporal(commandSettings(), async (client) => {
    const handle = client.schedule.getHandle(id);
    try {
      switch (change) {
        case 'pause':
          return await handle.pause('anneal schedule pause');
        case 'resume':
          return await handle.unpause('anneal schedule resume');
        case 'trigger':
          return await handle.trigger(ScheduleOverlapPolicy.SKIP);
        case 'delete':
          return await handle.delete();
      }
    } catch (error) {
      if ((error as Error).name !== 'ScheduleNotFoundError') throw error;
      throw new CommandError(
        `There is no schedule for "${pipeline}". "anneal schedule list" shows those that exist, "anneal schedule create ${pipeline} --every 12h" makes one.`,
        undefined,
        { cause: error },
      );
    }
  });
  const done = { pause: 'is paused', resume: 'starts runs again', trigger: 'was asked for a run now', delete: 'is deleted' } as const;
  if (json) printJson({ schedule: id, pipeline, change });
  else printLine(`The schedule of ${pipeline} ${done[change]}.`);
}

import { taskQueues } from '../../contracts/task-queues.js';
import type { Settings } from '../../workers/settings.js';
import { duration } from '../output.js';
import { connectTemporal } from '../temporal.js';

export interface TrainingWorker {
  /** `<pid>@<machine>` */
  readonly worker: string;
  /** Its graphics cards, e.g. `2 × NVIDIA A100-SXM4-40GB (40,960 MiB)`; absent: it trains on the processor. */
  readonly devices?: string;
  /** When it last asked for work; Temporal forgets it five minutes later. */
  readonly seenAtMs: number;
}

/** `TASK_QUEUE_TYPE_ACTIVITY` */
const activityQueue = 2;

/** A worker with a free slot asks anew every minute; some seconds more for a slow one. */
const asksWithinMs = 75_000;

/**
 * `last seen 2 min ago: it trains, or has ended`, since who has no slot free does not ask for work.
 *
 * @returns nothing of one that waits for work
 */
export function lastSeenText(seenAtMs: number, nowMs: number): string {
  const agoMs = nowMs - seenAtMs;
  return agoMs < asksWithinMs ? '' : `last seen ${duration(Math.floor(agoMs / 1000) * 1000)} ago: it trains, or has ended`;
}

/** Whoever has asked for trainings in the last minutes, wherever it runs. @returns none when the server does not answer */
export async function readTrainingWorkers(settings: Settings): Promise<TrainingWorker[]> {
  const temporal = await connectTemporal(settings, 1500).catch(() => undefined);
  if (!temporal) return [];
  try {
    const { connection } = temporal;
    const { pollers } = await connection.withDeadline(Date.now() + 3000, () =>
      connection.workflowService.describeTaskQueue({
        namespace: settings.temporal.namespace,
        taskQueue: { name: taskQueues.training },
        taskQueueType: activityQueue,
      }),
    );
    return (pollers ?? []).map(({ identity, lastAccessTime }) => ({
      ...parseIdentity(identity ?? ''),
      seenAtMs: Number(lastAccessTime?.seconds ?? 0) * 1000,
    }));
  } catch {
    return [];
  } finally {
    await temporal.connection.close();
  }
}

/** @param identity `<devices> <pid>@<machine>`, or the latter alone */
export function parseIdentity(identity: string): Pick<TrainingWorker, 'worker' | 'devices'> {
  const at = identity.lastIndexOf(' ');
  return at < 0 ? { worker: identity } : { worker: identity.slice(at + 1), devices: identity.slice(0, at) };
}

import { taskQueues } from '../../contracts/task-queues.js';
import type { Settings } from '../../workers/settings.js';
import { connectTemporal } from '../temporal.js';

export interface TrainingWorker {
  /** `<pid>@<machine>` */
  readonly worker: string;
  /** Its graphics cards, e.g. `2 × NVIDIA A100-SXM4-40GB (40,960 MiB)`; absent: it trains on the processor. */
  readonly devices?: string;
  readonly seenAtMs: number;
}

/** `TASK_QUEUE_TYPE_ACTIVITY` */
const activityQueue = 2;

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

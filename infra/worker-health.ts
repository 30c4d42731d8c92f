import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { taskQueues } from '../contracts/task-queues.js';
import { readSettings } from '../workers/settings.js';

/**
 * Health check of a container with a worker: `worker-health.ts <orchestration|data|training|inference>` ends with 0 when
 * Temporal has seen a worker of this machine poll the queue within two minutes.
 */

/** A poll is held open for a minute. */
const seenWithinMs = 120_000;
/** `TASK_QUEUE_TYPE_ACTIVITY`; every kind of worker runs activities. */
const activityQueue = 2;

const kind = process.argv[2] as keyof typeof taskQueues;
if (!Object.hasOwn(taskQueues, kind)) {
  console.error(`"${kind}" is no kind of worker: give one of ${Object.keys(taskQueues).join(', ')}.`);
  process.exit(2);
}
const { temporal } = readSettings();
try {
  if ((await lastPollMs()) < Date.now() - seenWithinMs) {
    console.error(`No worker of ${hostname()} has polled ${taskQueues[kind]} in the last ${seenWithinMs / 1000} s.`);
    process.exitCode = 1;
  }
} catch (error) {
  const how = error instanceof Error ? error.message : String(error);
  console.error(`Temporal at ${temporal.address} could not be asked who polls ${taskQueues[kind]} (${how}).`);
  process.exitCode = 1;
}

/** @returns when a worker of this machine polled last; 0 = never */
async function lastPollMs(): Promise<number> {
  const { connectionOptions } = loadClientConnectConfig();
  const connection = await Connection.connect({ ...connectionOptions, address: temporal.address, connectTimeout: '10 seconds' });
  try {
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace: temporal.namespace,
      taskQueue: { name: taskQueues[kind] },
      taskQueueType: activityQueue,
    });
    const ours = (pollers ?? []).filter(({ identity }) => identity?.endsWith(`@${hostname()}`));
    return Math.max(0, ...ours.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000));
  } finally {
    await connection.close();
  }
}

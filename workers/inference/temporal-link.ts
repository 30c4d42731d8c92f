import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createHostActivities } from '../../activities/host.js';
import { createInferenceActivities } from '../../activities/predict.js';
import type { WaitForVersionInput } from '../../contracts/serving.js';
import { taskQueues } from '../../contracts/task-queues.js';
import { workerDefaults } from '../run-worker.js';
import { connectTemporalPatiently, type TemporalHandle } from '../runtime.js';
import type { Settings } from '../settings.js';
import type { InferenceHost } from './inference-host.js';
import { Watcher } from './watcher.js';

export interface TemporalLinkOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly host: InferenceHost;
  /** For each worker: nothing where no spans are sent. */
  readonly traced?: Pick<WorkerOptions, 'interceptors' | 'sinks'>;
  readonly lease: Pick<WaitForVersionInput, 'hostId' | 'taskQueue' | 'url'>;
  /** Called each time that the workers begin to poll. */
  readonly onPolling: () => void;
}

const reconnectMs = 2000;

/**
 * Poll and watch for as long as `signal` allows. Serving needs none of this: whatever happens to the connection is
 * waited out here, and tried again.
 *
 * @returns when the running activities have ended, after `signal` was aborted
 */
export async function keepTemporalLink(options: TemporalLinkOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const temporal = await connectTemporalPatiently(options.settings, options.logger, signal);
      try {
        await pollAndWatch(options, temporal, signal);
      } finally {
        await temporal.connection.close();
      }
    } catch (error) {
      if (signal.aborted) return;
      options.logger.warn({ error: String(error) }, 'the link to Temporal broke; serving goes on, trying again');
      await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function pollAndWatch(options: TemporalLinkOptions, temporal: TemporalHandle, signal: AbortSignal): Promise<void> {
  const { host, lease, logger } = options;
  const { client, connection, namespace } = temporal;
  const shared = { ...workerDefaults, ...options.traced, connection, namespace };
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.inference, activities: { ...createInferenceActivities({ predictor: host }) } }),
    Worker.create({ ...shared, taskQueue: lease.taskQueue, activities: { ...createHostActivities({ host }) } }),
  ]);
  const stop = new AbortController();
  const end = AbortSignal.any([signal, stop.signal]);
  const shutDown = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  end.addEventListener('abort', shutDown);
  const running = workers.map((worker) =>
    worker.run().finally(() => {
      // One worker that ended by itself takes the other along; both come back with a new connection.
      stop.abort();
    }),
  );
  if (end.aborted) shutDown();
  options.onPolling();
  logger.info({ taskQueues: [taskQueues.inference, lease.taskQueue] }, 'polling');
  const watcher = new Watcher({ client, host, lease, logger });
  const watching = watcher.run(end);
  const outcomes = await Promise.allSettled([...running, watching]);
  if (signal.aborted) await watcher.leave();
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

import type { Worker, WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { connectTemporalPatiently, createLogger, installRuntime, startTemporalTracing, type TemporalHandle } from './runtime.js';
import { readSettings, type Settings } from './settings.js';

export interface WorkerContext {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly temporal: TemporalHandle;
  /** For each worker: nothing where no spans are sent. */
  readonly traced: Pick<WorkerOptions, 'interceptors' | 'sinks'>;
}

/**
 * The life of a worker process: settings, connection, polling, orderly end.
 *
 * Says `{type: 'ready'}` to a parent process once it polls. On SIGTERM, SIGINT or when the parent vanishes it takes
 * no new tasks, lets running ones end or write their checkpoint, and returns.
 */
export async function runWorker(kind: string, create: (context: WorkerContext) => Promise<Worker>): Promise<void> {
  const settings = readSettings();
  const logger = createLogger(settings, kind);
  installRuntime(logger);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort(new Error(signal)));
  if (process.send) process.once('disconnect', () => stop.abort(new Error('the parent process is gone')));

  const tracing = await startTemporalTracing(settings, logger, kind);
  const temporal = await connectTemporalPatiently(settings, logger, stop.signal, tracing?.client);
  try {
    const worker = await create({ settings, logger, temporal, traced: tracing?.worker ?? {} });
    const running = worker.run();
    stop.signal.addEventListener('abort', () => {
      logger.info({ reason: String(stop.signal.reason) }, 'stopping');
      if (worker.getState() === 'RUNNING') worker.shutdown();
    });
    if (stop.signal.aborted) worker.shutdown();
    logger.info({ taskQueue: worker.options.taskQueue, address: settings.temporal.address }, 'worker polls');
    process.send?.({ type: 'ready' });
    await running;
  } finally {
    await Promise.all([temporal.connection.close(), tracing?.close()]);
    if (process.connected) process.disconnect();
  }
}

/** Shared by every worker: how progress and shutdown behave. */
export const workerDefaults = {
  // People watch heartbeats as progress; the default would hold them back for most of the heartbeat timeout.
  maxHeartbeatThrottleInterval: '1 second',
  defaultHeartbeatThrottleInterval: '1 second',
  shutdownGraceTime: '2 seconds',
  shutdownForceTime: '25 seconds',
} as const;

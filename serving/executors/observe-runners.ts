import type { Logger } from 'pino';
import type { ServingMetrics } from '../metrics/metrics.js';
import type { RunnerObserver } from './runner-pool.js';
import { RunnerDiedError } from './runner.js';

/**
 * Count and log what becomes of a version's executors.
 *
 * @param endProcess a thread of this process computes for ever, which nothing else ends
 */
export function observeRunners(
  { model, version }: { readonly model: string; readonly version: string },
  metrics: ServingMetrics,
  logger: Logger,
  endProcess?: () => void,
): RunnerObserver {
  return {
    died: (error) => {
      // One that died while it opened the version is the cause of what is said of that.
      const died = [error, error.cause].find((each) => each instanceof RunnerDiedError);
      metrics.executors.died(model, died?.death.signal);
      // Its own name for the process: `pid` of a line is the process that writes it.
      const { pid: executor, ...how } = died?.death ?? {};
      const said = { model, version, executor, ...how, error: (died ?? error).message };
      if (!died?.isStuck) {
        logger.error(said, 'an executor of the version died; starting another');
        return;
      }
      metrics.executors.stuck(model, version);
      if (executor !== undefined) logger.error(said, 'an executor of the version hung and was killed; starting another');
      else {
        logger.fatal(
          said,
          'a thread of this process computes for ever, which ends with the process alone: set serving.isolation to "process"',
        );
        endProcess?.();
      }
    },
    replaced: () => {
      metrics.executors.replaced(model);
      logger.info({ model, version }, 'another executor of the version took the place of one that had died');
    },
    refused: (pauseMs) => {
      const what = 'no executor of the version is left, and requests are refused, or degraded, until the next one is there';
      logger.error({ model, version, pauseMs }, what);
    },
  };
}

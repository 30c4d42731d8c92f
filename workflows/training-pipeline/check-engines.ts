import { ActivityFailure, patched, TimeoutFailure } from '@temporalio/workflow';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { type NamedEngine, trainingEngines } from '../../contracts/pipeline/training-engines.js';
import { engineCheck } from '../proxies.js';

/**
 * Ask a training worker, before anything is read, for the engines that the pipeline names. With workers that are all busy, or away, the
 * run goes on: it waits for them when it trains.
 *
 * @throws the worker's refusal, which says what engines it has
 */
export async function checkEngines(spec: PipelineSpec): Promise<void> {
  const engines = namedEngines(spec);
  if (engines.length === 0 || !patched('engines-checked-first')) return;
  try {
    await engineCheck.checkEngines.executeWithOptions({ summary: engines.join(', ') }, [{ engines }]);
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) return;
    throw error;
  }
}

/** That of the training, and those among which a search chooses. */
function namedEngines({ training, sweep }: PipelineSpec): NamedEngine[] {
  const range = sweep?.space['training.engine'];
  const named: readonly unknown[] = [training.engine, ...(range?.kind === 'choice' ? range.values : [])];
  return trainingEngines.filter((engine) => named.includes(engine));
}

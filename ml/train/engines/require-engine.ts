import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { NamedEngine } from '../../../contracts/pipeline/training.js';
import type { TrainingEngine } from '../engine.js';
import { engines } from './index.js';

/** @throws AnnealError `InvalidModel` when this machine does not have the engine; says which it has */
export async function requireEngine(name: NamedEngine): Promise<TrainingEngine> {
  const engine = engines.find((each) => each.name === name)!;
  const problem = await engine.unavailable();
  if (problem === undefined) return engine;
  const others = await Promise.all(engines.map((each) => each.unavailable()));
  const usable = engines.filter((_, i) => others[i] === undefined).map((each) => each.name);
  throw new AnnealError(
    failureTypes.invalidModel,
    `${problem} The engines that the training worker has: ${usable.join(', ')}. Choose one by training.engine.`,
  );
}

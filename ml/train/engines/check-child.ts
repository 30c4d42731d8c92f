import { answerJobs } from '../../child/answer-jobs.js';
import type { EngineCheck } from './check-engines.js';
import { requireEngine } from './require-engine.js';

/* A process that looks for engines, and ends: to see whether an engine can be loaded, it has to be loaded. */

answerJobs(async ({ engines }: EngineCheck) => {
  for (const engine of engines) await requireEngine(engine);
  return null;
});

import type { EvaluationReport } from '../../contracts/model.js';
import { askChild } from '../child/ask-child.js';
import type { OnRows } from '../child/job-messages.js';
import { forkTypescript } from '../child/typescript-child.js';
import type { EvaluationJob } from './evaluation-job.js';

const childModule = new URL('./child.ts', import.meta.url);

/**
 * Run an evaluation in a process of its own, so that its long calls keep no heartbeat waiting.
 *
 * @throws AnnealError as `evaluateModel` does; `Error` when the process died, so a retry may help;
 *   the signal's reason as soon as it is aborted
 */
export async function evaluateInChild(job: EvaluationJob, onRows: OnRows, signal?: AbortSignal): Promise<EvaluationReport> {
  signal?.throwIfAborted();
  const child = forkTypescript(childModule);
  try {
    return await askChild<EvaluationReport>(child, 'The evaluation', job, onRows, signal);
  } finally {
    child.process.kill('SIGKILL');
  }
}

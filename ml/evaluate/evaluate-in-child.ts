import { fileURLToPath } from 'node:url';
import type { EvaluationReport } from '../../contracts/model.js';
import { toError } from '../child/failure-message.js';
import { childDeath, forkTypescript } from '../child/typescript-child.js';
import type { EvaluationJob, EvaluationMessage } from './evaluation-job.js';

const childPath = fileURLToPath(new URL('./child.ts', import.meta.url));

/**
 * Run an evaluation in a process of its own, so that its long calls keep no heartbeat waiting.
 *
 * @throws AnnealError as `evaluateModel` does; `Error` when the process died, so a retry may help;
 *   the signal's reason as soon as it is aborted
 */
export async function evaluateInChild(
  job: EvaluationJob,
  onRows: (rows: number, totalRows: number) => void,
  signal?: AbortSignal,
): Promise<EvaluationReport> {
  signal?.throwIfAborted();
  const child = forkTypescript(childPath);
  const onAbort = (): void => void child.process.kill('SIGKILL');
  signal?.addEventListener('abort', onAbort);
  try {
    return await new Promise<EvaluationReport>((resolve, reject) => {
      child.process.on('message', (message: EvaluationMessage) => {
        switch (message.kind) {
          case 'progress':
            onRows(message.rows, message.totalRows);
            break;
          case 'done':
            resolve(message.report);
            break;
          case 'failed':
            reject(toError(message));
            break;
        }
      });
      child.process.on('error', reject);
      child.process.on('close', (code, how) => {
        reject(signal?.aborted ? (signal.reason as Error) : new Error(`The evaluation ${childDeath(child, code, how)} It is tried again.`));
      });
      child.process.send(job, () => {});
    });
  } finally {
    signal?.removeEventListener('abort', onAbort);
    child.process.kill('SIGKILL');
  }
}

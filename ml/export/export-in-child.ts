import { askChild } from '../child/ask-child.js';
import { forkTypescript } from '../child/typescript-child.js';
import type { ExportedFiles, ExportJob } from './export-job.js';

const childModule = new URL('./child.ts', import.meta.url);

/**
 * Run an export in a process of its own: a user's network may take seconds or minutes in eager TensorFlow.js, which the exported graph
 * is compared with, and no heartbeat waits for that.
 *
 * @param silenceLimitMs as of `askChild`
 * @throws AnnealError as `runExportJob` does; `Error` when the process died or hangs, so a retry may help; the signal's reason as soon
 *   as it is aborted
 */
export async function exportInChild(job: ExportJob, signal?: AbortSignal, silenceLimitMs?: number): Promise<ExportedFiles> {
  signal?.throwIfAborted();
  const child = forkTypescript(childModule);
  try {
    return await askChild<ExportedFiles>(child, 'The export', job, () => undefined, signal, silenceLimitMs);
  } finally {
    child.process.kill('SIGKILL');
  }
}

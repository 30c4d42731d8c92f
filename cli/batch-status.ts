import type { Client } from '@temporalio/client';
import { batchStatusQuery, type BatchStatus } from '../contracts/batch.js';
import { batchWorkflowId } from '../contracts/ids.js';
import type { Settings } from '../workers/settings.js';
import { CommandError } from './command-error.js';
import { workflowPage } from './links.js';

/** @throws CommandError when no worker answers */
export async function readBatchStatus(client: Client, workflowId: string): Promise<BatchStatus> {
  const handle = client.workflow.getHandle(workflowId);
  let status: BatchStatus;
  try {
    status = await handle.query(batchStatusQuery);
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') throw error;
    throw new CommandError(
      `The job ${workflowId} cannot be asked for its state, since no worker for workflows answers. "anneal status" shows whether one runs, "anneal up" starts it.`,
      undefined,
      { cause: error },
    );
  }
  const { status: execution } = await handle.describe();
  return endedBatch(status, execution.name);
}

/** A job that somebody terminates cannot say so itself. @param execution Temporal's name of the workflow's state */
export function endedBatch(status: BatchStatus, execution: string): BatchStatus {
  if (status.state !== 'running' || execution === 'RUNNING' || execution === 'CONTINUED_AS_NEW') return status;
  const isCancelled = execution === 'CANCELLED' || execution === 'CANCELED';
  return {
    ...status,
    state: isCancelled ? 'cancelled' : 'failed',
    reason: `The job was ended in Temporal (${execution.toLowerCase().replaceAll('_', ' ')}) before it had finished; its finished parts stay.`,
  };
}

/** What `--json` prints of a job. */
export function batchReport(settings: Settings, status: BatchStatus): object {
  const { job, model, state, version, modelDigest, request, rows, partitions, totals, reason, reasons } = status;
  return {
    job,
    status: state,
    model,
    version,
    modelDigest,
    directory: request.directory,
    rows,
    rejects: reasons,
    partitions,
    ...(totals ? { manifest: totals.manifest, parts: totals.parts, sizeBytes: totals.sizeBytes } : {}),
    ...(reason === undefined ? {} : { reason }),
    startedAt: new Date(status.startedAtMs).toISOString(),
    durationMs: (status.endedAtMs ?? Date.now()) - status.startedAtMs,
    links: { temporal: workflowPage(settings, batchWorkflowId(model, job)) },
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import type { Client } from '@temporalio/client';
import { batchStatusQuery, type BatchStatus, type PartitionProgress } from '../../contracts/batch.js';
import { endedBatch } from '../batch-status.js';
import { duration } from '../output.js';
import { batchProgressText } from './batch-view.js';
import { LiveBlock } from './live-block.js';
import { partitionsUnderWay } from './partitions-under-way.js';

const pollMs = 500;
/** Without a worker for workflows nobody answers a query; that long it may be starting. */
const patienceMs = 120_000;
/** A log has a line for each of the first seconds and few later. */
const linesEveryMs = 5000;
const failing: Readonly<Record<BatchStatus['phase'], string>> = { plan: 'the plan', predict: 'a partition', seal: 'the verification' };

/**
 * Show a job until it has ended.
 *
 * @param output redrawn on a terminal, else a line now and then
 * @returns its last status, or undefined when `signal` was aborted
 * @throws when the job cannot be asked for two minutes
 */
export async function watchBatch(
  client: Client,
  workflowId: string,
  { output, signal }: { readonly output: NodeJS.WriteStream; readonly signal: AbortSignal },
): Promise<BatchStatus | undefined> {
  // By its id alone, so that it is followed when it continues as new.
  const handle = client.workflow.getHandle(workflowId);
  const show = presenter(output);
  let answeredAtMs = performance.now();
  while (!signal.aborted) {
    try {
      const [status, description] = await Promise.all([handle.query(batchStatusQuery), handle.describe()]);
      answeredAtMs = performance.now();
      const pending = description.raw.pendingActivities ?? [];
      const underWay = partitionsUnderWay(description);
      const now = endedBatch(status, description.status.name);
      if (now.state !== 'running') {
        // The status may say so a moment before the workflow has ended, and the other way round.
        if (description.status.name !== 'RUNNING') return now;
      } else {
        const failure = pending.find(({ lastFailure }) => lastFailure)?.lastFailure?.message;
        show(now, underWay, failure ?? undefined);
      }
    } catch (error) {
      if (signal.aborted) break;
      if ((error as Error).name === 'WorkflowNotFoundError' || performance.now() - answeredAtMs > patienceMs) throw error;
    }
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

function presenter(output: NodeJS.WriteStream): (status: BatchStatus, underWay: readonly PartitionProgress[], failure?: string) => void {
  const lines = (status: BatchStatus, underWay: readonly PartitionProgress[], failure: string | undefined): string[] => [
    batchProgressText(status, underWay, Date.now()),
    ...(failure === undefined ? [] : [`! ${failing[status.phase]} failed and is tried again: ${failure.split('\n', 1)[0]}`]),
  ];
  if (output.isTTY) {
    const block = new LiveBlock(output as WriteStream);
    return (status, underWay, failure) => block.draw(lines(status, underWay, failure));
  }
  let saidAtMs = -Infinity;
  let phase = '';
  return (status, underWay, failure) => {
    if (status.phase === phase && performance.now() - saidAtMs < linesEveryMs) return;
    phase = status.phase;
    saidAtMs = performance.now();
    for (const line of lines(status, underWay, failure))
      output.write(`[${duration(Date.now() - status.startedAtMs).padStart(8)}] ${line}\n`);
  };
}

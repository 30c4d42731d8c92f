import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import type { Client } from '@temporalio/client';
import type { RunOutcome } from '../../contracts/activities.js';
import type { PipelineStatus } from '../../contracts/training-pipeline.js';
import { ChangeLines } from './change-lines.js';
import { LiveBlock } from './live-block.js';
import { liveView } from './live-view.js';
import { readRunSnapshot, type RunSnapshot } from './run-snapshot.js';

const pollMs = 500;
/** Without a worker for workflows nobody answers a query; that long it may be starting. */
const patienceMs = 120_000;

export interface WatchOptions {
  /** Where the progress goes: redrawn on a terminal, else a line for each change; nothing when undefined. */
  readonly output?: NodeJS.WriteStream;
  readonly signal?: AbortSignal;
  /** Whether to stop watching at a run that goes on. */
  readonly leave?: (status: PipelineStatus) => boolean;
  /** Lines that others want to say meanwhile; taken from here, so that they do not tear the drawing. */
  readonly notes?: string[];
}

export type EndedStatus = PipelineStatus & { readonly state: RunOutcome };

/**
 * Show a run until it has ended.
 *
 * @returns its last status, or undefined when `signal` was aborted or `leave` said so
 * @throws when the run cannot be asked for two minutes
 */
export async function watchRun(
  client: Client,
  workflowId: string,
  { output, signal, leave, notes = [] }: WatchOptions,
): Promise<EndedStatus | undefined> {
  const show = output ? presenter(output) : undefined;
  let snapshot: RunSnapshot | undefined;
  let answeredAtMs = performance.now();
  for (let poll = 0; !signal?.aborted; poll++) {
    try {
      snapshot = await readRunSnapshot(client, workflowId, snapshot);
      show?.next(snapshot, notes.splice(0));
      const ended = isOutcome(snapshot.status.state);
      // A run that somebody terminates cannot say so itself.
      const closed = ended || poll % 6 === 5 ? await closedState(client, workflowId) : undefined;
      answeredAtMs = performance.now();
      if (!closed && leave?.(snapshot.status)) break;
      if (closed) {
        const last = ended ? snapshot : await readRunSnapshot(client, workflowId, snapshot);
        show?.next(last, notes.splice(0));
        show?.end();
        return endedStatus(last.status, closed);
      }
    } catch (error) {
      if (signal?.aborted) break;
      if ((error as Error).name === 'WorkflowNotFoundError' || performance.now() - answeredAtMs > patienceMs) throw error;
    }
    await pause(signal);
  }
  show?.end();
  return undefined;
}

function isOutcome(state: PipelineStatus['state']): state is RunOutcome {
  return state !== 'running' && state !== 'awaiting-approval' && state !== 'awaiting-override';
}

/** The status says how a run ended a moment before its workflow itself ends. */
async function closedState(client: Client, workflowId: string): Promise<string | undefined> {
  const { status } = await client.workflow.getHandle(workflowId).describe();
  return status.name === 'RUNNING' ? undefined : status.name;
}

/** @param closed Temporal's name of how the workflow ended */
export function endedStatus(status: PipelineStatus, closed: string): EndedStatus {
  const { state } = status;
  if (isOutcome(state)) return { ...status, state };
  return {
    ...status,
    state: closed === 'CANCELLED' || closed === 'CANCELED' ? 'cancelled' : 'failed',
    reason: status.reason ?? `The run was ended in Temporal (${closed.toLowerCase().replaceAll('_', ' ')}) before it had finished.`,
  };
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  await sleep(pollMs, undefined, { signal }).catch(() => undefined);
}

interface Presenter {
  next(snapshot: RunSnapshot, notes: readonly string[]): void;
  end(): void;
}

function presenter(output: NodeJS.WriteStream): Presenter {
  if (output.isTTY) {
    const block = new LiveBlock(output as WriteStream);
    return { next: (snapshot, notes) => block.draw(liveView(snapshot, Date.now()), notes), end: () => block.end() };
  }
  const changes = new ChangeLines();
  return {
    next: (snapshot, notes) => {
      for (const line of [...notes, ...changes.next(snapshot, Date.now())]) output.write(`${line}\n`);
    },
    end: () => undefined,
  };
}

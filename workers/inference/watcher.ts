import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { modelWorkflowId, parseModelWorkflowId } from '../../contracts/ids.js';
import {
  leaveSignal,
  servingMemoKey,
  waitForVersionUpdate,
  type ServingTarget,
  type WaitForVersionInput,
} from '../../contracts/serving.js';
import type { InferenceHost } from './inference-host.js';

export interface WatcherOptions {
  readonly client: Client;
  readonly host: Pick<InferenceHost, 'known' | 'follow' | 'reconcile'>;
  /** How the lifecycles reach and name this host. */
  readonly lease: Pick<WaitForVersionInput, 'hostId' | 'taskQueue' | 'url'>;
  readonly logger: Logger;
  /** @default 2000 */
  readonly discoverEveryMs?: number;
  /** @default 3000 */
  readonly memoEveryMs?: number;
  /** How long one blocking update waits for news. @default 20 */
  readonly waitSeconds?: number;
}

const discoverQuery = "WorkflowType = 'modelLifecycle' AND ExecutionStatus = 'Running'";
/** A read that takes longer is given up; the next one comes soon. */
const readTimeoutMs = 10_000;
/** A lifecycle that continues as new answers at once; do not ask it again in the same breath. */
const betweenWaitsMs = 50;
const leaveTimeoutMs = 2000;
const firstBackoffMs = 500;
const maxBackoffMs = 15_000;

/**
 * Learns what this host should serve, from every running `modelLifecycle`, by two ways at once: a blocking update, which also
 * registers the host and renews its lease, and the workflow's memo, which can be read when no workflow worker is there.
 */
export class Watcher {
  readonly #options: Required<WatcherOptions>;
  readonly #watched = new Map<string, Promise<void>>();
  /** All that were ever watched. */
  readonly #models: string[] = [];

  constructor(options: WatcherOptions) {
    this.#options = { discoverEveryMs: 2000, memoEveryMs: 3000, waitSeconds: 20, ...options };
  }

  /** Watch until `signal` is aborted. Never throws: an outage is waited out, and what is served stays. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#repeat(signal, this.#options.discoverEveryMs, 'the models cannot be listed', async () => {
      for (const model of await this.#discover(signal)) {
        if (this.#watched.has(model)) continue;
        this.#options.logger.info({ model }, 'watching');
        if (!this.#models.includes(model)) this.#models.push(model);
        const watch = this.#watch(model, signal).finally(() => this.#watched.delete(model));
        this.#watched.set(model, watch);
      }
    });
    await Promise.all(this.#watched.values());
  }

  /** Tell the lifecycles that this host stops, so that no rollout waits for it. Best effort: an unreachable one lets the lease run out. */
  async leave(): Promise<void> {
    const { client, lease } = this.#options;
    const told = this.#models.map((model) =>
      client.withDeadline(Date.now() + leaveTimeoutMs, () =>
        client.workflow.getHandle(modelWorkflowId(model)).signal(leaveSignal, { hostId: lease.hostId }),
      ),
    );
    await Promise.allSettled(told);
  }

  async #discover(signal: AbortSignal): Promise<string[]> {
    const { client } = this.#options;
    const models: string[] = [];
    await this.#read(signal, async () => {
      for await (const { workflowId } of client.workflow.list({ query: discoverQuery })) {
        const model = parseModelWorkflowId(workflowId);
        if (model !== undefined) models.push(model);
      }
    });
    return models;
  }

  /** Returns when the lifecycle runs no more; discovery finds it again if it comes back. */
  async #watch(model: string, outer: AbortSignal): Promise<void> {
    const gone = new AbortController();
    const signal = AbortSignal.any([outer, gone.signal]);
    const endWhenGone = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        this.#options.logger.info({ model }, 'its lifecycle has ended; serving on what there is');
        gone.abort();
      }
    };
    // The memo first: it tells which lifecycle this is, and what epochs mean depends on that.
    let isFollowed = false;
    const readMemo = this.#repeat(signal, this.#options.memoEveryMs, `the memo of ${model} cannot be read`, () =>
      endWhenGone(async () => {
        await this.#reconcileFromMemo(model, signal);
        isFollowed = true;
      }),
    );
    const wait = this.#repeat(signal, betweenWaitsMs, `${model} cannot be waited for`, () =>
      endWhenGone(async () => {
        if (isFollowed) await this.#waitForVersion(model, signal);
      }),
    );
    await Promise.all([readMemo, wait]);
  }

  async #reconcileFromMemo(model: string, signal: AbortSignal): Promise<void> {
    const { client, host } = this.#options;
    const description = await this.#read(signal, () => client.workflow.getHandle(modelWorkflowId(model)).describe());
    if (description.status.name !== 'RUNNING')
      throw new WorkflowNotFoundError('The lifecycle has ended.', description.workflowId, description.runId);
    await host.follow(model, description.raw.workflowExecutionInfo?.firstRunId ?? description.runId);
    const target = description.memo?.[servingMemoKey] as ServingTarget | undefined;
    if (target) await host.reconcile(model, target);
  }

  async #waitForVersion(model: string, signal: AbortSignal): Promise<void> {
    const { client, host, lease, waitSeconds } = this.#options;
    const { epoch: knownEpoch, version } = host.known(model);
    // Beyond the time that the workflow itself waits, the answer is lost, e.g. with no workflow worker there.
    const deadline = Date.now() + waitSeconds * 1000 + readTimeoutMs;
    const target = await untilAborted(signal, () =>
      client.withDeadline(deadline, () =>
        client.workflow
          .getHandle(modelWorkflowId(model))
          .executeUpdate(waitForVersionUpdate, { args: [{ ...lease, knownEpoch, version, timeoutSeconds: waitSeconds }] }),
      ),
    );
    await host.reconcile(model, target);
  }

  #read<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { client } = this.#options;
    return untilAborted(signal, () => client.withDeadline(Date.now() + readTimeoutMs, work));
  }

  /** Repeat `work`, with a pause after it; after a failure a longer one, doubled each time. */
  async #repeat(signal: AbortSignal, pauseMs: number, complaint: string, work: () => Promise<void>): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let waitMs = pauseMs;
      try {
        await work();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        waitMs = Math.max(pauseMs, Math.min(maxBackoffMs, firstBackoffMs * 2 ** failures++));
        const level = failures === 1 ? 'warn' : 'debug';
        this.#options.logger[level]({ error: error instanceof Error ? error.message : String(error) }, `${complaint}; trying again`);
      }
      await pause(waitMs, signal);
    }
  }
}

/** The native connection cannot take a request back (its `withAbortSignal` has no effect), so an aborted one is left to end by itself. */
async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let leave = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave);
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}

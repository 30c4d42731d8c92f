import { setTimeout as sleep } from 'node:timers/promises';
import type { InferenceHost } from './inference-host.js';

const firstPauseMs = 5000;
const longestPauseMs = 60_000;

/**
 * See to it that every serving process comes to hold what its host serves, also where Temporal is away and nothing else asks for it.
 *
 * @returns when it is told to stop
 */
export async function keepRestored(host: Pick<InferenceHost, 'restoreMissing'>, stop: AbortSignal, pauseMs = firstPauseMs): Promise<void> {
  for (let nextMs = pauseMs; !stop.aborted;) {
    await sleep(nextMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
    if (stop.aborted) return;
    nextMs = (await host.restoreMissing()) ? pauseMs : Math.min(longestPauseMs, 2 * nextMs);
  }
}

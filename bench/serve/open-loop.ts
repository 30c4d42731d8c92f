import { Connection, httpRequest, type LoadTarget } from './connection.js';
import { type LoadResult, percentile } from './load.js';

export interface OpenLoop {
  /** End it; resolves when the last request is answered. */
  stop(): Promise<void>;
  /** What was measured since it was called last. */
  take(): Measured;
}

export interface Measured {
  readonly latenciesMs: readonly number[];
  readonly failed: number;
  /** Longest that the client itself was kept from running; what it sent late by that counts in the latencies. */
  readonly clientHeldUpMs: number;
}

export interface MeasuredSummary extends Pick<LoadResult, 'p50Ms' | 'p99Ms' | 'failed'> {
  readonly requests: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Several windows as one. */
export function summarize(windows: readonly Measured[]): MeasuredSummary {
  const sorted = Float64Array.from(windows.flatMap(({ latenciesMs }) => latenciesMs)).sort();
  return {
    requests: sorted.length,
    failed: windows.reduce((sum, { failed }) => sum + failed, 0),
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    p999Ms: percentile(sorted, 0.999),
    maxMs: percentile(sorted, 1),
  };
}

/** How often the open loop looks for what is due. */
const everyMs = 1;

/**
 * Open loop: requests are due at fixed times whatever the server does, and a request's latency counts from when it was due, so a
 * server that stalls is charged for all that should have been sent meanwhile (no coordinated omission).
 *
 * All connections are open before the first request, and take turns: with one that is opened only when the others are busy, client
 * and server would run code for the first time in the very moment that they are behind.
 */
export async function openLoop(target: LoadTarget, connections: number, requestsPerSecond: number): Promise<OpenLoop> {
  const requests = target.bodies.map((body) => httpRequest(target, body));
  const all = Array.from({ length: connections }, () => new Connection(target.port));
  for (const each of all) await each.open();
  const idle = [...all];
  /** When each request that has found no connection yet was due. */
  const due: number[] = [];
  let latencies: number[] = [];
  let failed = 0;
  let clientHeldUpMs = 0;
  let sent = 0;
  let isStopping = false;
  const startedAt = performance.now();
  let lastTurnAt = startedAt;
  let onDrained = (): void => undefined;

  const dispatch = (): void => {
    while (due.length > 0 && idle.length > 0) {
      const dueAt = due.shift()!;
      const client = idle.shift()!;
      void client.send(requests[sent++ % requests.length]).then((status) => {
        if (status === 200) latencies.push(performance.now() - dueAt);
        else failed++;
        idle.push(client);
        dispatch();
        if (isStopping && due.length === 0 && idle.length === all.length) onDrained();
      });
    }
  };
  let scheduled = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    clientHeldUpMs = Math.max(clientHeldUpMs, now - lastTurnAt - everyMs);
    lastTurnAt = now;
    const target = Math.floor(((now - startedAt) / 1000) * requestsPerSecond);
    while (scheduled < target) due.push(startedAt + (++scheduled / requestsPerSecond) * 1000);
    dispatch();
  }, everyMs);

  return {
    take() {
      const taken: Measured = { latenciesMs: latencies, failed, clientHeldUpMs };
      latencies = [];
      failed = clientHeldUpMs = 0;
      return taken;
    },
    async stop() {
      clearInterval(timer);
      isStopping = true;
      if (due.length > 0 || idle.length < all.length) await new Promise<void>((resolve) => (onDrained = resolve));
      for (const client of all) client.close();
    },
  };
}

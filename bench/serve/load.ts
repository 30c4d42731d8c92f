import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BinaryBody } from './binary-tensors.js';

const run = promisify(execFile);

export interface LoadTarget {
  readonly port: number;
  readonly path: string;
  /** Sent in turn; text is JSON. */
  readonly bodies: readonly (string | BinaryBody)[];
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 200, and connections that broke. */
  readonly failed: number;
}

/** @returns whether `wrk` is on the path */
export async function hasWrk(): Promise<boolean> {
  return run('wrk', ['--version']).then(
    () => true,
    // It prints its version and exits with 1.
    (error: { code?: unknown; stdout?: string }) => error.code === 1,
  );
}

/** Closed loop: each connection sends its next request when the one before is answered. One thread of wrk. */
export async function closedLoopByWrk(target: LoadTarget, connections: number, seconds: number): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), 'anneal-wrk-'));
  try {
    const script = join(directory, 'requests.lua');
    // wrk adds the address and the length.
    const texts = target.bodies.map((body) => {
      const { headers, bytes } = asBytes(body);
      const fields = Object.entries(headers).map(([name, value]) => `["${name}"] = "${value}"`);
      return `{{${fields.join(', ')}}, ${luaText(bytes)}}`;
    });
    await writeFile(
      script,
      `local bodies = {${texts.join(',\n')}}
local requests = {}
local i = 0
init = function()
  for n, body in ipairs(bodies) do
    requests[n] = wrk.format("POST", "${target.path}", body[1], body[2])
  end
end
request = function()
  i = i % #requests + 1
  return requests[i]
end
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout + summary.errors.status,
    latency:percentile(50), latency:percentile(99)))
end
`,
    );
    const { stdout } = await run('wrk', [
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '--timeout',
      '10s',
      '-s',
      script,
      `http://127.0.0.1:${target.port}`,
    ]);
    const found = /^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout);
    if (!found) throw new Error(`wrk printed no result: ${stdout.slice(0, 500)}`);
    const [requests, micros, failed, p50, p99] = found.slice(1).map(Number);
    return { requestsPerSecond: (requests / micros) * 1e6, p50Ms: p50 / 1000, p99Ms: p99 / 1000, failed };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The same by a client of ours, where there is no wrk; it takes more of the processor that the server wants. */
export async function closedLoop(target: LoadTarget, connections: number, seconds: number): Promise<LoadResult> {
  const requests = target.bodies.map((body) => httpRequest(target, body));
  const latencies: number[] = [];
  let failed = 0;
  let next = 0;
  const startedAt = performance.now();
  const until = startedAt + seconds * 1000;
  const clients = Array.from({ length: connections }, () => new Connection(target.port));
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < until) {
        const sentAt = performance.now();
        const status = await client.send(requests[next++ % requests.length]);
        if (status === 200) latencies.push(performance.now() - sentAt);
        else failed++;
      }
    }),
  );
  const elapsedMs = performance.now() - startedAt;
  for (const client of clients) client.close();
  return { requestsPerSecond: (latencies.length / elapsedMs) * 1000, ...percentiles(latencies), failed };
}

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
    p50Ms: at(sorted, 0.5),
    p99Ms: at(sorted, 0.99),
    p999Ms: at(sorted, 0.999),
    maxMs: at(sorted, 1),
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

function percentiles(latencies: readonly number[]): { readonly p50Ms: number; readonly p99Ms: number } {
  const sorted = Float64Array.from(latencies).sort();
  return { p50Ms: at(sorted, 0.5), p99Ms: at(sorted, 0.99) };
}

/** Nearest rank. */
function at(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

function httpRequest({ path, port }: LoadTarget, body: string | BinaryBody): Buffer {
  const { headers, bytes } = asBytes(body);
  const all = { host: `127.0.0.1:${port}`, ...headers, 'content-length': String(bytes.length) };
  const fields = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${fields.join('')}\r\n`), bytes]);
}

function asBytes(body: string | BinaryBody): BinaryBody {
  return typeof body === 'string' ? { headers: { 'content-type': 'application/json' }, bytes: Buffer.from(body) } : body;
}

/** Every byte by its number, so that nothing in it means anything to Lua. */
function luaText(bytes: Buffer): string {
  return `"${Array.from(bytes, (byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}

/** One kept-alive connection with one request at a time: as much of HTTP/1.1 as the servers under test answer with. */
class Connection {
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #settle: ((status: number) => void) | undefined;

  constructor(private readonly port: number) {}

  /** @throws Error of the system when nobody listens */
  async open(): Promise<void> {
    const socket = this.#connected();
    if (socket.connecting) await once(socket, 'connect');
  }

  /** @returns the status, or 0 when the connection broke before the answer was there */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#connected().write(request);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connected(): Socket {
    if (this.#socket && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    const socket = connect(this.port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket === socket) {
        this.#socket = undefined;
        this.#finish(0);
      }
    });
    this.#received = Buffer.alloc(0);
    return (this.#socket = socket);
  }

  #receive(chunk: Buffer): void {
    const received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = received;
    const headerEnd = received.indexOf('\r\n\r\n');
    if (headerEnd < 0) return;
    const head = received.toString('latin1', 0, headerEnd).toLowerCase();
    const length = /content-length: *(\d+)/.exec(head);
    const isChunked = !length && head.includes('transfer-encoding: chunked');
    const isWhole = length
      ? received.length >= headerEnd + 4 + Number(length[1])
      : isChunked && received.toString('latin1', received.length - 5) === '0\r\n\r\n';
    if (!isWhole) return;
    this.#received = Buffer.alloc(0);
    if (head.includes('connection: close')) {
      const socket = this.#socket;
      this.#socket = undefined;
      socket?.destroy();
    }
    this.#finish(Number(head.slice(9, 12)));
  }

  #finish(status: number): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(status);
  }
}

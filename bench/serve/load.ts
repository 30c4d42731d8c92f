import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { asBytes, Connection, httpRequest, type LoadTarget } from './connection.js';

const run = promisify(execFile);

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

function percentiles(latencies: readonly number[]): { readonly p50Ms: number; readonly p99Ms: number } {
  const sorted = Float64Array.from(latencies).sort();
  return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) };
}

/** @param share from 0 to 1; nearest rank */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

/** Every byte by its number, so that nothing in it means anything to Lua. */
function luaText(bytes: Buffer): string {
  return `"${Array.from(bytes, (byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startHost } from './serve/host.js';
import { openLoop } from './serve/load.js';
import { writeBenchVersion } from './serve/model.js';
import { benchRows } from './serve/rows.js';

/**
 * Constant load on one model while it is promoted again and again: failed requests, latencies with and without promotions in the
 * same run, and memory. The load is an open loop: a request's latency counts from when it was due.
 */

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    promotions: { type: 'string', default: '50' },
    rate: { type: 'string', default: '200' },
    connections: { type: 'string', default: '16' },
    seconds: { type: 'string', default: '15' },
    pause: { type: 'string', default: '0' },
    hidden: { type: 'string', default: '3072,3072' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout
    .write(`Usage: npm run bench:reload [-- --promotions 50] [--rate 200] [--connections 16] [--seconds 15] [--hidden 3072,3072] [--json]

--rate     requests per second, due at fixed times
--seconds  how long is measured without promotions, before them and after them
--pause    milliseconds between two promotions
--hidden   widths of the hidden layers: 3072,3072 is a model of 40 MB, 128,64 one of 100 kB
`);
  process.exit(0);
}
const hidden = options.hidden.split(',').map(Number);
const promotions = Number(options.promotions);
const seconds = Number(options.seconds);

const directory = await mkdtemp(join(tmpdir(), 'anneal-bench-reload-'));
const host = await startHost({});
try {
  // Two models in turn: each promotion brings other weights than the version before.
  const versions = [await writeBenchVersion(join(directory, 'a'), hidden, 1), await writeBenchVersion(join(directory, 'b'), hidden, 2)];
  let version = 0;
  const promote = async (): Promise<number> => {
    const startedAt = performance.now();
    await host.promote(String(++version), versions[version % 2]);
    return performance.now() - startedAt;
  };
  const first = await host.promote(String(++version), versions[version % 2]);
  const bodies = benchRows(64).map((row) => JSON.stringify({ instances: [row] }));
  const load = openLoop({ port: host.port, path: '/v1/models/flights:predict', bodies }, Number(options.connections), Number(options.rate));
  await sleep(2000);
  load.reset();
  await sleep(seconds * 1000);
  const before = load.result();

  load.reset();
  const took: number[] = [];
  let memoryAfter5 = 0;
  for (let i = 0; i < promotions; i++) {
    took.push(await promote());
    if (i === 4) memoryAfter5 = await residentBytes(host.pids);
    await sleep(Number(options.pause));
  }
  const during = load.result();
  const memoryAfterAll = await residentBytes(host.pids);
  await sleep(1000);
  load.reset();
  await sleep(seconds * 1000);
  const after = load.result();
  await load.stop();

  const sorted = took.toSorted((a, b) => a - b);
  // Whatever else the machine did before and after counts alike.
  const calmP99Ms = Math.max(before.p99Ms, after.p99Ms);
  const result = {
    modelBytes: first.prepared.image.sizeBytes,
    placement: first.placement,
    profile: first.prepared.profile,
    processes: host.plan.processes,
    promotions,
    promotionP50Ms: sorted[sorted.length >> 1],
    promotionMaxMs: sorted.at(-1)!,
    before,
    during,
    after,
    p99Ratio: during.p99Ms / calmP99Ms,
    memoryAfter5,
    memoryAfterAll,
  };
  if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else {
    const line = (name: string, { requests, failed, p50Ms, p99Ms, p999Ms, maxMs }: typeof before): string =>
      `| ${name.padEnd(16)} | ${String(requests).padStart(8)} | ${String(failed).padStart(6)} | ${[p50Ms, p99Ms, p999Ms, maxMs].map((value) => value.toFixed(2).padStart(8)).join(' | ')} |`;
    process.stdout
      .write(`${promotions} promotions of a model of ${(result.modelBytes / 1e6).toFixed(1)} MB (${result.placement}, one row ${result.profile.oneRowMs.toFixed(2)} ms), ${options.rate} requests/s on ${options.connections} connections, ${result.processes} processes, ${availableParallelism()} cores shared with the client

|                  | requests | failed |   p50 ms |   p99 ms | p99.9 ms |   max ms |
|------------------|---------:|-------:|---------:|---------:|---------:|---------:|
${line('before', before)}
${line('while promoting', during)}
${line('after', after)}

p99 while promoting: ${result.p99Ratio.toFixed(2)} × that without (the larger of before and after)
promotion → all processes acknowledged: p50 ${result.promotionP50Ms.toFixed(0)} ms, max ${result.promotionMaxMs.toFixed(0)} ms
memory of the serving processes: ${(memoryAfter5 / 1e6).toFixed(0)} MB after 5 promotions, ${(memoryAfterAll / 1e6).toFixed(0)} MB after ${promotions} (${((memoryAfterAll / memoryAfter5 - 1) * 100).toFixed(1)} %)
`);
  }
} finally {
  await host.stop();
  await rm(directory, { recursive: true, force: true });
}

/** Of the serving processes together: what a container would be charged for. */
async function residentBytes(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
    sum += Number(found?.[1] ?? 0) * 1024;
  }
  return sum;
}

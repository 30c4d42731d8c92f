import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { residentBytes } from '../serving/resident-bytes.js';
import { openLoop, summarize, type MeasuredSummary } from './serve/open-loop.js';
import { NoiseMeter } from './serve/machine-noise.js';
import { writeBenchVersion } from './serve/model.js';
import { median, pairsTable, pairWindows, type Pair, type Window } from './serve/paired-windows.js';
import { benchRows } from './serve/rows.js';
import { startTemporalHosts } from './serve/temporal-host.js';

/**
 * Constant load on one model while it is promoted again and again, by way of Temporal as in production: failed requests, latencies
 * with and without promotions in turns of the same run, the time of a promotion, and memory. Each promotion brings a version that
 * the host has never seen. The load is an open loop: a request's latency counts from when it was due.
 *
 * What has machines of its own in production shares the cores of the host here. So that it is not measured along, Temporal's server
 * and the worker of the workflows run once this has started only where the host leaves a core free (`SCHED_IDLE`), and the client,
 * where it may, has a higher priority. With all of them at the same priority Temporal made up most of what the serving threads waited
 * longer while promoting.
 *
 * Each group of promotions is held against the calms before and after it, so that what else the machine does falls upon both, and no
 * request is left out. Beside each group stands what made requests late without a promotion: other processes, the hypervisor, and how
 * long the client itself was not let run.
 */

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    promotions: { type: 'string', default: '50' },
    turns: { type: 'string', default: '10' },
    rate: { type: 'string', default: '200' },
    connections: { type: 'string', default: '16' },
    seconds: { type: 'string', default: '4' },
    hosts: { type: 'string', default: '1' },
    hidden: { type: 'string', default: '3072,3072' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout
    .write(`Usage: npm run bench:reload [-- --promotions 50] [--turns 10] [--seconds 4] [--rate 200] [--connections 16] [--hosts 1] [--hidden 3072,3072] [--json]

--turns    promotions come in so many groups, with calm before and after each
--seconds  of one calm
--rate     requests per second, due at fixed times, to the first host
--hosts    that take each promotion
--hidden   widths of the hidden layers: 3072,3072 is a model of 40 MB, 128,64 one of 100 kB
`);
  process.exit(0);
}
const promotions = Number(options.promotions);
const turns = Number(options.turns);
const calmMs = Number(options.seconds) * 1000;
/** Priority of the client among the host's threads, which have 0. */
const beforeHosts = -5;
/** Of code, caches and memory, before anything counts. */
const warmUpMs = 8000;
/** What a group of promotions leaves behind belongs to neither side. */
const settleMs = 1000;
/** Promoted before anything counts: by then a host has executors for the version that answers, the one before and the next. */
const warmUpPromotions = 3;

const directory = await mkdtemp(join(tmpdir(), 'anneal-bench-reload-'));
try {
  const files = await writeBenchVersion(directory, options.hidden.split(',').map(Number), 1);
  const fleet = await startTemporalHosts(Number(options.hosts), files, warmUpPromotions + promotions);
  try {
    let version = 0;
    while (version < warmUpPromotions) await fleet.promote(++version);
    const bodies = benchRows(64).map((row) => JSON.stringify({ instances: [row] }));
    const isClientBefore = mayGoBefore();
    const target = { port: fleet.ports[0], path: '/v1/models/flights:predict', bodies };
    const load = await openLoop(target, Number(options.connections), Number(options.rate));
    await sleep(warmUpMs);

    const calm: Window[] = [];
    const promoting: Window[] = [];
    const noise = await NoiseMeter.start();
    const take = async (): Promise<Window> => ({ ...load.take(), ...(await noise.take()) });
    const took: number[] = [];
    let memoryAfter5 = 0;
    const measureCalm = async (): Promise<void> => {
      await sleep(settleMs);
      await take();
      await sleep(calmMs);
      calm.push(await take());
    };
    await measureCalm();
    for (let turn = 1; turn <= turns; turn++) {
      while (took.length < Math.round((turn * promotions) / turns)) {
        took.push(await fleet.promote(++version));
        if (took.length === 5) memoryAfter5 = await memoryOf(fleet.pids);
      }
      promoting.push(await take());
      await measureCalm();
    }
    const memoryAfterAll = await memoryOf(fleet.pids);
    await load.stop();
    await report({
      calm: summarize(calm),
      promoting: summarize(promoting),
      pairs: pairWindows(calm, promoting),
      took,
      memoryAfter5,
      memoryAfterAll,
      processes: fleet.pids.length,
      isClientBefore,
    });
  } finally {
    await fleet.stop();
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

interface Result {
  readonly calm: MeasuredSummary;
  readonly promoting: MeasuredSummary;
  readonly pairs: readonly Pair[];
  /** Milliseconds of each promotion. */
  readonly took: readonly number[];
  readonly memoryAfter5: number;
  readonly memoryAfterAll: number;
  readonly processes: number;
  readonly isClientBefore: boolean;
}

async function report({ calm, promoting, pairs, took, memoryAfter5, memoryAfterAll, processes, isClientBefore }: Result): Promise<void> {
  const sorted = took.toSorted((a, b) => a - b);
  const promotionP50Ms = sorted[sorted.length >> 1];
  const promotionMaxMs = sorted.at(-1)!;
  const p99Ratio = promoting.p99Ms / calm.p99Ms;
  const ratios = pairs.map(({ ratio }) => ratio);
  const medianRatio = median(ratios);
  const worstRatio = Math.max(...ratios);
  const modelBytes = (await stat(join(directory, 'model.onnx'))).size;
  if (options.json) {
    const result = {
      modelBytes,
      processes,
      isClientBefore,
      promotions,
      promotionP50Ms,
      promotionMaxMs,
      calm,
      promoting,
      p99Ratio,
      medianRatio,
      worstRatio,
      pairs,
      memoryAfter5,
      memoryAfterAll,
    };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const line = (name: string, { requests, failed, p50Ms, p99Ms, p999Ms, maxMs }: MeasuredSummary): string =>
    `| ${name.padEnd(15)} | ${String(requests).padStart(8)} | ${String(failed).padStart(6)} | ${[p50Ms, p99Ms, p999Ms, maxMs].map((value) => value.toFixed(2).padStart(8)).join(' | ')} |`;
  process.stdout
    .write(`${promotions} promotions of a model of ${(modelBytes / 1e6).toFixed(1)} MB to ${options.hosts} hosts by way of Temporal, ${options.rate} requests/s on ${options.connections} connections, ${processes} serving processes, ${availableParallelism()} cores shared with the client${isClientBefore ? ' (before the hosts)' : ''} and Temporal's server and worker (behind them)

|                 | requests | failed |   p50 ms |   p99 ms | p99.9 ms |   max ms |
|-----------------|---------:|-------:|---------:|---------:|---------:|---------:|
${line('calm', calm)}
${line('while promoting', promoting)}

Each group of ${Math.round(promotions / turns)} promotions by the calms before and after it, calm / promoting; others: processes that are none of the bench's

${pairsTable(pairs)}

p99 while promoting: ${medianRatio.toFixed(2)} × that of the calms around it (median of the groups), ${worstRatio.toFixed(2)} × in the worst group; all requests together ${p99Ratio.toFixed(2)} ×
promotion → all hosts acknowledged: p50 ${promotionP50Ms.toFixed(0)} ms, max ${promotionMaxMs.toFixed(0)} ms
memory of the serving processes and their executors: ${(memoryAfter5 / 1e6).toFixed(0)} MB after 5 promotions, ${(memoryAfterAll / 1e6).toFixed(0)} MB after ${promotions} (${((memoryAfterAll / memoryAfter5 - 1) * 100).toFixed(1)} %)
`);
}

/**
 * The client of a real host has a processor of its own: a request that it takes up late, since the host has the processor, would
 * count as slow. Only root may go before others.
 */
function mayGoBefore(): boolean {
  try {
    setPriority(beforeHosts);
    return true;
  } catch {
    return false;
  }
}

/** Of the serving processes and their executor processes together. */
async function memoryOf(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);
    for (const each of [pid, ...children]) sum += await residentBytes(each);
  }
  return sum;
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBareServer } from './serve/bare.js';
import { binaryTensors, type BinaryBody } from './serve/binary-tensors.js';
import { startHost } from './serve/host.js';
import { closedLoop, closedLoopByWrk, hasWrk, type LoadResult } from './serve/load.js';
import { writeBenchVersion } from './serve/model.js';
import { median } from './serve/paired-windows.js';
import { benchRows, type Row } from './serve/rows.js';
import { compiledFlags, compiledModule } from '../ml/child/compiled-module.js';
import type { Placement } from '../serving/executors/placement.js';
import { installPeer, peerNames, startPeer } from './serve/peers.js';

/**
 * Requests per second and latencies of an inference host with everything on, beside a bare node:http server and, with `--peers`,
 * Python's servers: the same model, the same cores, one after the other. Clients are closed loops on kept-alive connections.
 */

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1,16,64' },
    rows: { type: 'string', default: '1,32' },
    client: { type: 'string' },
    placements: { type: 'string' },
    log: { type: 'string' },
    trace: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(`Usage: npm run bench:serve [-- --peers] [--rounds 3] [--seconds 3] [--connections 1,16,64] [--rows 1,32] [--json]
                           [-- --placements http-thread,executor-thread,executor-process]

--peers   also MLServer, BentoML, LitServe and mlflow models serve, from PyPI, each in an environment of its own in the folder for
          temporary files (uv is needed; some minutes the first time)
--client  wrk, or own; default: wrk where it is installed
--log     beside the first host one that logs this share of its requests (ANNEAL_PREDICTION_LOG), instead of the bare server
--trace   beside the first host one for each of these shares of the requests that make spans, e.g. 0.01,1, instead of the bare server
--placements  hosts that execute the model so, instead of one that chooses for itself and the bare server
`);
  process.exit(0);
}
/** Of each server, for each number of rows. */
const warmUpSeconds = 4;
const numbers = (text: string): number[] => text.split(',').map(Number);
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const client = options.client ?? ((await hasWrk()) ? 'wrk' : 'own');
const measure = client === 'wrk' ? closedLoopByWrk : closedLoop;

interface Subject {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly body: (rows: readonly Row[]) => string | BinaryBody;
  stop(): Promise<void>;
}
interface Cell {
  readonly subject: string;
  readonly rows: number;
  readonly connections: number;
  readonly results: LoadResult[];
}

const directory = await mkdtemp(join(tmpdir(), 'anneal-bench-serve-'));
const leftOut: string[] = [];
/** Ours are held against each other, not against others. */
const isCompared = options.log !== undefined || options.trace !== undefined;
let collector: ChildProcess | undefined;
let collectorPort: number | undefined;
const subjects: Subject[] = [];
try {
  const files = await writeBenchVersion(directory, [128, 64], 1);
  const instances = (rows: readonly unknown[]): string => JSON.stringify({ instances: rows });
  const placements = options.placements?.split(',') as Placement[] | undefined;
  const described: string[] = [];
  for (const asked of placements ?? [undefined]) {
    const host = await startHost({ placement: asked });
    const { placement, prepared } = await host.promote('1', files);
    const { port } = host;
    const name = asked ?? 'anneal';
    subjects.push({ name, port, path: '/v1/models/flights:predict', body: instances, stop: () => host.stop() });
    if (!asked && !isCompared)
      subjects.push({ name: 'anneal, tensors', port, path: '/v2/models/flights/infer', body: binaryTensors, stop: async () => undefined });
    described.push(`${placement}, one row ${prepared.profile.oneRowMs.toFixed(3)} ms, ${host.plan.processes} processes`);
  }
  const [first] = subjects;
  if (options.log !== undefined) {
    const host = await startHost({}, { logShare: Number(options.log) });
    await host.promote('1', files);
    subjects.push({ ...first, name: `anneal, log ${options.log}`, port: host.port, stop: () => host.stop() });
  }
  for (const share of options.trace?.split(',') ?? []) {
    collector ??= fork(compiledModule(new URL('./serve/collector-process.ts', import.meta.url)), [], { execArgv: [...compiledFlags] });
    collectorPort ??= ((await once(collector, 'message')) as [number])[0];
    const tracing = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collectorPort}`,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: share,
    };
    const host = await startHost({}, { tracing });
    await host.promote('1', files);
    subjects.push({ ...first, name: `anneal, trace ${share}`, port: host.port, stop: () => host.stop() });
  }
  if (!isCompared && !placements)
    subjects.push({ name: 'bare node:http', path: '/', body: instances, ...(await startBareServer(files.model.path)) });
  const cells: Cell[] = [];
  await measureAll(subjects, cells, rounds);
  if (options.log !== undefined) described.push(await logLosses(subjects[1].port));
  if (options.peers) {
    // Each alone: idle Python servers poll, and the machine is small.
    for (const name of peerNames) {
      try {
        const peer = await startPeer(await installPeer(name), name, directory);
        try {
          await measureAll([{ name, ...peer }], cells, 1);
        } finally {
          await peer.stop();
        }
      } catch (error) {
        leftOut.push(`${name} was left out: ${error instanceof Error ? error.message.split('\n').at(-1) : String(error)}`);
      }
    }
  }
  report(cells, first.name, described.join('; '));
} finally {
  await Promise.all(subjects.map((subject) => subject.stop()));
  collector?.disconnect();
  await rm(directory, { recursive: true, force: true });
}

async function logLosses(port: number): Promise<string> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const sum = (name: string): number =>
    text.split('\n').reduce((total, line) => (line.startsWith(name) ? total + Number(line.slice(line.lastIndexOf(' '))) : total), 0);
  const [lost, asked] = [sum('anneal_prediction_log_lost_total'), sum('anneal_requests_total')];
  return `of ${asked} requests to the host that logs ${lost} were not logged, since the machine was full`;
}

/** Subjects take turns, so that what else the machine does falls upon all. */
async function measureAll(measured: readonly Subject[], cells: Cell[], times: number): Promise<void> {
  for (const rows of numbers(options.rows)) {
    const sets = Array.from({ length: 64 }, (_, i) => benchRows(64 * rows).slice(i * rows, (i + 1) * rows));
    // Every process of a server has seen thousands of requests before any is measured.
    for (const subject of measured) {
      const target = { port: subject.port, path: subject.path, bodies: sets.map(subject.body) };
      await measure(target, 64, warmUpSeconds);
    }
    for (const connections of numbers(options.connections)) {
      const row = measured.map((subject): Cell => ({ subject: subject.name, rows, connections, results: [] }));
      cells.push(...row);
      for (let round = 0; round < times; round++) {
        for (const [i, subject] of measured.entries()) {
          const target = { port: subject.port, path: subject.path, bodies: sets.map(subject.body) };
          row[i].results.push(await measure(target, connections, seconds));
        }
      }
    }
  }
}

/** @param first whose figures the others' are held against */
function report(cells: readonly Cell[], first: string, ours: string): void {
  const typical = cells.map(({ results, ...cell }) => ({
    ...cell,
    requestsPerSecond: median(results.map((result) => result.requestsPerSecond)),
    p50Ms: median(results.map((result) => result.p50Ms)),
    p99Ms: median(results.map((result) => result.p99Ms)),
    failed: results.reduce((sum, result) => sum + result.failed, 0),
  }));
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ client, rounds, seconds, cores: availableParallelism(), ours, cells: typical, leftOut }, null, 2)}\n`,
    );
    return;
  }
  const anneal = (cell: { rows: number; connections: number }) =>
    typical.find((each) => each.subject === first && each.rows === cell.rows && each.connections === cell.connections);
  const lines = typical.map((cell) => {
    const mine = anneal(cell);
    const ratio =
      mine && cell.subject !== first && cell.requestsPerSecond > 0
        ? `${(mine.requestsPerSecond / cell.requestsPerSecond).toFixed(2)} ×`
        : '';
    const p50 = mine && cell.subject !== first ? (mine.p50Ms / cell.p50Ms).toFixed(2) : '';
    return `| ${String(cell.rows).padStart(4)} | ${String(cell.connections).padStart(11)} | ${cell.subject.padEnd(20)} | ${Math.round(cell.requestsPerSecond).toLocaleString('en-US').padStart(10)} | ${cell.p50Ms.toFixed(2).padStart(8)} | ${cell.p99Ms.toFixed(2).padStart(8)} | ${ratio.padStart(9)} | ${p50.padStart(7)} | ${String(cell.failed).padStart(6)} |`;
  });
  process.stdout
    .write(`Load by ${client}, ${seconds} s a measurement, median of ${rounds} (peers: one), ${availableParallelism()} cores shared with the client; ${first}: ${ours}

| rows | connections | server               | requests/s |   p50 ms |   p99 ms |  first is | its p50 | failed |
|-----:|------------:|----------------------|-----------:|---------:|---------:|----------:|--------:|-------:|
${lines.join('\n')}
${leftOut.length > 0 ? `\n${leftOut.join('\n')}\n` : ''}`);
}

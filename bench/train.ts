import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../ml/models/random.js';
import type { EngineSession } from '../ml/train/engine.js';
import { largePages } from '../ml/train/child/large-pages.js';
import { trainingFlags } from '../ml/train/child/training-flags.js';
import { type Peer, PeerProcess, installPeers, peerPython, peers, writePeerFolder } from './peers.js';
import { fastest, type Measurement, type Report, type Subject, table } from './train-tables.js';
import { type EngineName, type Workload, engineNames, missingEngine, openWorkload, workloads } from './workloads.js';

/**
 * Milliseconds per training step, engine beside engine, on a small MLP, a small CNN and a wide-and-deep network over flights. Every
 * subject takes the same steps on the same rows from the same parameters, with the same number of threads; subjects take turns, so
 * that whatever else the machine does meets all of them alike, and the median over the rounds counts. JAX, PyTorch and scikit-learn
 * take part where Python has them.
 */

/** In its first seconds the compiled engine finds out how many threads are to share a step. */
const settlingMs = 4000;

const options = readOptions();
if (options.help) {
  process.stdout.write(`Usage: npm run bench:train [-- --json] [--threads 1,2] [--only mlp|cnn|wide-and-deep] [--python <path>] [--peers]

--threads  numbers of threads to measure with, a table each; default 1,2
--only     one of the three networks; default: all, one after the other
--python   a Python that may have JAX, PyTorch and scikit-learn; default: that of --peers where it is installed, else python3
--peers    install them first, into an environment of their own among the temporary files (gigabytes); nothing is installed without it
--json     the measurements as JSON instead of tables: for each network and number of threads the milliseconds a step of each subject
           (median, least disturbed round, the processors' time), and why a subject was left out
`);
  process.exit(0);
}
// As a training process is started; the peers inherit it.
const pages = largePages();
const flags = trainingFlags.filter((flag) => !process.execArgv.includes(flag));
if (Object.keys(pages).length > 0 || flags.length > 0) {
  const again = spawnSync(process.execPath, [...process.execArgv, ...flags, ...process.argv.slice(1)], {
    env: { ...process.env, ...pages },
    stdio: 'inherit',
  });
  process.exit(again.status ?? 1);
}
const threadCounts = options.threads.split(',').map(Number);
if (!threadCounts.every((threads) => Number.isInteger(threads) && threads >= 1))
  refuse(`--threads is "${options.threads}", expected whole numbers from 1.`);
const chosen = options.only === undefined ? Object.keys(workloads) : [options.only];
if (!(chosen[0] in workloads)) refuse(`--only is "${options.only}", expected ${Object.keys(workloads).join(' or ')}.`);

// libtensorflow takes every core that it finds, and reads these once, when it is loaded.
for (const name of ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS']) process.env[name] = String(threadCounts[0]);
if (options.peers) for (const problem of await installPeers()) process.stderr.write(`${problem}\n`);
const python = peerPython(options.python);
const directory = await mkdtemp(path.join(tmpdir(), 'anneal-bench-train-'));
const reports: Report[] = [];
try {
  if (!options.json) process.stdout.write(`${cpus()[0].model}, ${cpus().length} cores, Node.js ${process.version}\n\n`);
  for (const name of chosen as Workload['name'][]) {
    for (const threads of threadCounts) {
      const workload = await workloads[name](threads);
      await writePeerFolder(path.join(directory, name), workload);
      const { measured, overheadMs } = await measure(workload, threads);
      const compiled = measured.find(({ subject }) => subject === 'onnxruntime')!.msPerStep!;
      const results = measured.map((entry): Measurement => {
        if (entry.msPerStep === undefined) return entry;
        const rowsPerSecond = Math.round((workload.plan.batchSize / entry.msPerStep) * 1000);
        return { ...entry, rowsPerSecond, ratio: entry.msPerStep / compiled };
      });
      reports.push({ workload: name, threads, batchSize: workload.plan.batchSize, rows: workload.data.rows, overheadMs, results });
      if (!options.json) process.stdout.write(table(workload, threads, overheadMs, results));
    }
    if (!options.json && threadCounts.length > 1) process.stdout.write(fastest(reports.filter(({ workload }) => workload === name)));
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
if (options.json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);

function readOptions() {
  try {
    return parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        threads: { type: 'string', default: '1,2' },
        only: { type: 'string' },
        python: { type: 'string' },
        peers: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    const problem = error instanceof Error ? error.message.replace(/\s+/g, ' ').replace(/\.$/, '') : String(error);
    process.stderr.write(`The command line cannot be read: ${problem}. Expected the options that --help shows.\n`);
    process.exit(2);
  }
}

function refuse(problem: string): never {
  process.stderr.write(`${problem} Leave it out for the default.\n`);
  process.exit(2);
}

interface Round {
  readonly msPerStep: number;
  readonly processorMsPerStep: number;
  readonly loss: number;
}

interface Contender {
  readonly subject: Subject;
  readonly version?: string;
  /** One round. @returns milliseconds a step, and the last step's loss */
  readonly round: (round: number) => Promise<Round>;
  /** Called once, between the first round and the others, when nobody else computes. */
  readonly settle?: () => Promise<void>;
  readonly close: () => unknown;
}

async function measure(workload: Workload, threads: number): Promise<{ measured: Measurement[]; overheadMs: number }> {
  const contenders: (Contender | { readonly subject: Subject; readonly leftOut: string })[] = [];
  let overheadMs = 0;
  for (const engine of engineNames as EngineName[]) {
    const leftOut = workload.leftOut?.[engine] ?? nativeThreadsLeftOut(engine, threads) ?? (await missingEngine(engine));
    if (leftOut !== undefined) {
      contenders.push({ subject: engine, leftOut });
      continue;
    }
    const startedAt = performance.now();
    const session = await openWorkload(engine, workload);
    if (engine === 'onnxruntime') overheadMs = performance.now() - startedAt;
    contenders.push(engineContender(engine, session, workload));
  }
  for (const peer of peers) contenders.push(await peerContender(peer, workload, threads));

  const results = new Map<Subject, { rounds: Round[]; failed?: string }>();
  // The first round warms up and is not counted.
  for (let round = 0; round <= workload.rounds; round++) {
    for (const contender of contenders) {
      if ('leftOut' in contender) continue;
      const result = results.get(contender.subject) ?? { rounds: [] };
      results.set(contender.subject, result);
      if (result.failed !== undefined) continue;
      try {
        const made = await contender.round(round);
        if (round > 0) result.rounds.push(made);
      } catch (error) {
        result.failed = error instanceof Error ? error.message : String(error);
      }
    }
    if (round === 0) for (const contender of contenders) if (!('leftOut' in contender)) await contender.settle?.();
  }
  for (const contender of contenders) if (!('leftOut' in contender)) await contender.close();
  const measured = contenders.map((contender): Measurement => {
    const { subject } = contender;
    if ('leftOut' in contender) return { subject, leftOut: contender.leftOut };
    const { rounds, failed } = results.get(subject)!;
    if (failed !== undefined) return { subject, leftOut: failed };
    const times = rounds.map(({ msPerStep }) => msPerStep);
    return {
      subject,
      version: contender.version,
      msPerStep: median(times),
      bestMsPerStep: Math.min(...times),
      processorMsPerStep: Math.min(...rounds.map(({ processorMsPerStep }) => processorMsPerStep)),
      finalLoss: rounds.at(-1)?.loss,
    };
  });
  return { measured, overheadMs };
}

/** It has read its number of threads when it was loaded. */
function nativeThreadsLeftOut(engine: EngineName, threads: number): string | undefined {
  if (engine !== 'tfjs-node-gpu' || threads === threadCounts[0]) return undefined;
  return `one number of threads a process; ask with --threads ${threads}`;
}

function engineContender(subject: EngineName, session: EngineSession, { plan, data, stepsPerRound }: Workload): Contender {
  const random = createRandom(7);
  const steps = stepsPerRound[subject]!;
  const randomOrder = () => Int32Array.from({ length: steps * plan.batchSize }, () => Math.floor(random() * data.rows));
  const rates = new Float32Array(steps).fill(0.001);
  const settle = async () => {
    for (const startedAt = performance.now(); performance.now() - startedAt < settlingMs;) await session.runSteps(randomOrder(), rates, 0);
  };
  return {
    subject,
    async round(round) {
      const order = randomOrder();
      const usedBefore = process.cpuUsage();
      const startedAt = performance.now();
      const losses = await session.runSteps(order, rates, round * steps);
      const elapsedMs = performance.now() - startedAt;
      const used = process.cpuUsage(usedBefore);
      const processorMs = (used.user + used.system) / 1000;
      return { msPerStep: elapsedMs / steps, processorMsPerStep: processorMs / steps, loss: losses[steps - 1] };
    },
    ...(subject === 'onnxruntime' ? { settle } : {}),
    close: () => session.dispose(),
  };
}

async function peerContender(
  peer: Peer,
  { name, leftOut, stepsPerRound }: Workload,
  threads: number,
): Promise<Contender | { subject: Peer; leftOut: string }> {
  if (leftOut?.[peer] !== undefined) return { subject: peer, leftOut: leftOut[peer] };
  const started = await PeerProcess.start(python, peer, path.join(directory, name), threads, stepsPerRound[peer]!);
  if (typeof started === 'string') return { subject: peer, leftOut: started };
  return { subject: peer, version: started.version, round: () => started.round(), close: () => started.close() };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

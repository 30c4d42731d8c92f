import { parseArgs } from 'node:util';
import { createRandom } from '../ml/models/random.js';
import type { TrainingEngine } from '../ml/train/engine.js';
import { engines } from '../ml/train/engines/index.js';
import { type Peer, installPeers, measurePeer, peerPython, peers } from './peers.js';
import { cnnWorkload, mlpWorkload, openWorkload, type Workload } from './workloads.js';

/**
 * Milliseconds per training step, engine beside engine, on a small MLP and a small CNN. Every engine takes the same steps from the
 * same parameters, on one thread (libtensorflow takes what it finds); the figure is the median over rounds. JAX and PyTorch train
 * networks of the same shapes on data of the same kind, where Python has them.
 */

const labels: Readonly<Record<TrainingEngine['name'] | Peer, string>> = {
  onnxruntime: 'compiled (tfjs → ONNX Loop → onnxruntime)',
  'tfjs-node-gpu': 'tfjs-node-gpu (libtensorflow, eager)',
  'tfjs-wasm': 'tfjs wasm',
  'tfjs-cpu': 'tfjs pure JS',
  jax: 'JAX (jit + scan)',
  torch: 'PyTorch (eager)',
};

interface Measurement {
  readonly engine: TrainingEngine['name'] | Peer;
  readonly msPerStep?: number;
  readonly rowsPerSecond?: number;
  /** How many times the compiled engine's time it takes. */
  readonly ratio?: number;
  readonly finalLoss?: number;
  readonly leftOut?: string;
}

const workloads: Readonly<Record<string, (threads: number) => Workload>> = { mlp: mlpWorkload, cnn: cnnWorkload };
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1' },
    only: { type: 'string' },
    python: { type: 'string' },
    peers: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(`Usage: npm run bench:train [-- --json] [--threads <n>] [--only mlp|cnn] [--python <path>] [--peers]

--python  a Python that may have JAX and PyTorch; default python3
--peers   install JAX and PyTorch first, into an environment of their own among the temporary files (gigabytes); nothing is installed without it
`);
  process.exit(0);
}
const threads = Number(options.threads);
if (!Number.isInteger(threads) || threads < 1) refuse(`--threads is "${options.threads}", expected a whole number from 1.`);
const chosen = options.only === undefined ? Object.keys(workloads) : [options.only];
if (workloads[chosen[0]] === undefined) refuse(`--only is "${options.only}", expected ${Object.keys(workloads).join(' or ')}.`);

if (options.peers) for (const problem of await installPeers()) process.stderr.write(`${problem}\n`);
const python = peerPython(options.python);
const reports: object[] = [];
for (const name of chosen) {
  const workload = workloads[name](threads);
  const measured = [...(await measureEngines(workload)), ...(await measurePeers(workload))];
  const compiled = measured.find(({ engine }) => engine === 'onnxruntime')!.msPerStep!;
  const results = measured.map((entry): Measurement => {
    if (entry.msPerStep === undefined) return entry;
    const rowsPerSecond = Math.round((workload.plan.batchSize / entry.msPerStep) * 1000);
    return { ...entry, rowsPerSecond, ratio: entry.msPerStep / compiled };
  });
  reports.push({ workload: name, threads, batchSize: workload.plan.batchSize, rows: workload.data.rows, results });
  if (!options.json) process.stdout.write(table(workload, results));
}
if (options.json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);

function refuse(problem: string): never {
  process.stderr.write(`${problem} Leave it out for the default.\n`);
  process.exit(2);
}

/** Engines take turns, so that whatever else the machine does meets all of them alike. */
async function measureEngines(workload: Workload): Promise<Measurement[]> {
  const { plan, data, rounds, stepsPerRound } = workload;
  const runs = await Promise.all(
    engines.map(async (engine) => {
      const missing = (await engine.unavailable()) === undefined ? undefined : 'npm run build:tfjs-native';
      const leftOut = workload.leftOut?.[engine.name] ?? missing;
      const session = leftOut === undefined ? await openWorkload(engine.name, workload) : undefined;
      return { engine: engine.name, leftOut, session, random: createRandom(7), times: [] as number[], loss: NaN };
    }),
  );
  // The first round warms up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const run of runs) {
      if (!run.session) continue;
      const steps = stepsPerRound[run.engine]!;
      const order = Int32Array.from({ length: steps * plan.batchSize }, () => Math.floor(run.random() * data.rows));
      const rates = new Float32Array(steps).fill(0.001);
      const start = performance.now();
      const losses = await run.session.runSteps(order, rates, round * steps);
      if (round > 0) run.times.push((performance.now() - start) / steps);
      run.loss = losses[steps - 1];
    }
  }
  for (const { session } of runs) await session?.dispose();
  return runs.map(({ engine, leftOut, times, loss }) =>
    leftOut === undefined
      ? { engine, msPerStep: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)], finalLoss: loss }
      : { engine, leftOut },
  );
}

async function measurePeers(workload: Workload): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const engine of peers) results.push({ engine, ...(await measurePeer(python, engine, workload)) });
  return results;
}

function table({ title }: Workload, entries: readonly Measurement[]): string {
  const lines = [
    ['engine', 'ms/step', 'rows/s', 'times compiled'],
    ...entries.map(({ engine, msPerStep, rowsPerSecond, ratio, leftOut }) =>
      leftOut === undefined
        ? [labels[engine], msPerStep!.toFixed(3), rowsPerSecond!.toLocaleString('en'), `${ratio!.toFixed(2)} ×`]
        : [labels[engine], '–', '–', `left out: ${leftOut}`],
    ),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
  return `${title}, ${threads} thread${threads === 1 ? '' : 's'}; median ms/step\n\n${text.join('\n')}\n\n`;
}

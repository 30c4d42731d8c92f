import { parseArgs } from 'node:util';
import { createRandom } from '../ml/models/random.js';
import type { EncodedData, StepPlan, TrainingEngine } from '../ml/train/engine.js';
import { engines } from '../ml/train/engines/index.js';

/**
 * Milliseconds per training step, engine beside engine: an MLP 32→128→64→1 on 20,000 synthetic rows, batch 256, Adam, binary
 * cross-entropy. Every engine takes the same steps from the same parameters, on one thread (libtensorflow takes what it finds); the figure is the median over rounds.
 */

const rows = 20_000;
const width = 32;
const rounds = 7;
/** About a tenth of a second of each engine's time. */
const stepsPerRound: Readonly<Record<TrainingEngine['name'], number>> = {
  onnxruntime: 400,
  'tfjs-node-gpu': 40,
  'tfjs-wasm': 24,
  'tfjs-cpu': 8,
};
const labels: Readonly<Record<TrainingEngine['name'], string>> = {
  onnxruntime: 'compiled (tfjs → ONNX Loop → onnxruntime)',
  'tfjs-node-gpu': 'tfjs-node-gpu (libtensorflow, eager)',
  'tfjs-wasm': 'tfjs wasm',
  'tfjs-cpu': 'tfjs pure JS',
};

interface Measurement {
  readonly engine: TrainingEngine['name'];
  readonly msPerStep?: number;
  readonly rowsPerSecond?: number;
  /** How many times the compiled engine's time it takes. */
  readonly ratio?: number;
  readonly finalLoss?: number;
  readonly leftOut?: string;
}

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write('Usage: npm run bench:train [-- --json] [--threads <n>]\n');
  process.exit(0);
}
const threads = Number(options.threads);
if (!Number.isInteger(threads) || threads < 1) {
  process.stderr.write(`--threads is "${options.threads}", expected a whole number from 1. Leave it out for the default.\n`);
  process.exit(2);
}

const plan: StepPlan = {
  model: { family: 'mlp', hidden: [128, 64], activation: 'relu' },
  layout: { categorical: [], numeric: Array.from({ length: width }, (_, i) => `x${i}`) },
  task: 'binary',
  outputs: 1,
  batchSize: 256,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
  seed: 1,
  threads,
};
const data = syntheticRows();

const measured = await measure();
const compiled = measured.find(({ engine }) => engine === 'onnxruntime')!.msPerStep!;
const results = measured.map((entry) => (entry.msPerStep === undefined ? entry : { ...entry, ratio: entry.msPerStep / compiled }));
process.stdout.write(options.json ? `${JSON.stringify({ threads, batchSize: plan.batchSize, rows, results }, null, 2)}\n` : table(results));

/** Labels of a noisy linear rule, so that the loss has somewhere to go. */
function syntheticRows(): EncodedData {
  const random = createRandom(20_000);
  const weights = Array.from({ length: width }, () => random() - 0.5);
  const numeric = Float32Array.from({ length: rows * width }, () => random() * 2 - 1);
  const target = Float32Array.from({ length: rows }, (_, row) => {
    const score = weights.reduce((sum, weight, i) => sum + weight * numeric[row * width + i], random() - 0.5);
    return Number(score > 0);
  });
  return { rows, numeric, target };
}

/** Engines take turns, so that whatever else the machine does meets all of them alike. */
async function measure(): Promise<Measurement[]> {
  const runs = await Promise.all(
    engines.map(async (engine) => {
      const leftOut = await engine.unavailable();
      const session = leftOut === undefined ? await engine.open(plan, data) : undefined;
      return { engine: engine.name, leftOut, session, random: createRandom(7), times: [] as number[], loss: NaN };
    }),
  );
  // The first round warms up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const run of runs) {
      if (!run.session) continue;
      const steps = stepsPerRound[run.engine];
      const order = Int32Array.from({ length: steps * plan.batchSize }, () => Math.floor(run.random() * rows));
      const rates = new Float32Array(steps).fill(0.001);
      const start = performance.now();
      const losses = await run.session.runSteps(order, rates, round * steps);
      if (round > 0) run.times.push((performance.now() - start) / steps);
      run.loss = losses[steps - 1];
    }
  }
  for (const { session } of runs) await session?.dispose();
  return runs.map(({ engine, leftOut, times, loss }) => {
    if (leftOut !== undefined) return { engine, leftOut };
    const msPerStep = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
    return { engine, msPerStep, rowsPerSecond: Math.round((plan.batchSize / msPerStep) * 1000), finalLoss: loss };
  });
}

function table(entries: readonly Measurement[]): string {
  const lines = [
    ['engine', 'ms/step', 'rows/s', 'times compiled'],
    ...entries.map(({ engine, msPerStep, rowsPerSecond, ratio, leftOut }) =>
      leftOut === undefined
        ? [labels[engine], msPerStep!.toFixed(3), rowsPerSecond!.toLocaleString('en'), `${ratio!.toFixed(1)} ×`]
        : [labels[engine], '–', '–', 'left out: npm run build:tfjs-native'],
    ),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
  return `MLP 32→128→64→1, batch ${plan.batchSize}, Adam, binary cross-entropy, ${rows.toLocaleString('en')} rows, ${threads} thread${threads === 1 ? '' : 's'}; median ms/step\n\n${text.join('\n')}\n`;
}

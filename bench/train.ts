import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createRandom } from '../ml/models/random.js';
import type { EncodedData, StepPlan, TrainingEngine } from '../ml/train/engine.js';
import { engines } from '../ml/train/engines/index.js';

/**
 * Milliseconds per training step, engine beside engine: an MLP 32→128→64→1 on 20,000 synthetic rows, batch 256, Adam, binary
 * cross-entropy. Every engine takes the same steps from the same parameters; the figure is the median over repetitions.
 */

const rows = 20_000;
const width = 32;
/** Steps of a repetition and number of repetitions; chosen so that no engine takes much more than ten seconds. */
const effort: Readonly<Record<TrainingEngine['name'], { readonly steps: number; readonly repetitions: number }>> = {
  onnxruntime: { steps: 400, repetitions: 9 },
  'tfjs-node-gpu': { steps: 40, repetitions: 7 },
  'tfjs-wasm': { steps: 40, repetitions: 7 },
  'tfjs-cpu': { steps: 10, repetitions: 5 },
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
  options: { json: { type: 'boolean', default: false }, threads: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (options.help) {
  process.stdout.write('Usage: npm run bench:train [-- --json] [--threads <n>]\n');
  process.exit(0);
}
const threads = options.threads === undefined ? Math.min(2, availableParallelism()) : Number(options.threads);
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

const measured: Measurement[] = [];
for (const engine of engines) measured.push(await measure(engine));
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

async function measure(engine: TrainingEngine): Promise<Measurement> {
  const leftOut = await engine.unavailable();
  if (leftOut !== undefined) return { engine: engine.name, leftOut };
  const { steps, repetitions } = effort[engine.name];
  const random = createRandom(7);
  const learningRates = new Float32Array(steps).fill(0.001);
  const session = await engine.open(plan, data);
  const times: number[] = [];
  let loss = NaN;
  // The first repetition warms up and is not counted.
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const order = Int32Array.from({ length: steps * plan.batchSize }, () => Math.floor(random() * rows));
    const start = performance.now();
    const losses = await session.runSteps(order, learningRates, repetition * steps);
    if (repetition > 0) times.push((performance.now() - start) / steps);
    loss = losses[steps - 1];
  }
  await session.dispose();
  const msPerStep = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
  return { engine: engine.name, msPerStep, rowsPerSecond: Math.round((plan.batchSize / msPerStep) * 1000), finalLoss: loss };
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
  return `MLP 32→128→64→1, batch ${plan.batchSize}, Adam, binary cross-entropy, ${rows.toLocaleString('en')} rows, ${threads} threads; median ms/step\n\n${text.join('\n')}\n`;
}

import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../ml/models/random.js';
import type { EncodedFiles } from '../ml/train/rows/encoded-files.js';
import { encodedRowBytes } from '../ml/train/rows/encoded-reader.js';
import { TrainingChildren } from '../ml/train/child/run-in-child.js';
import type { TrainingJob } from '../ml/train/child/training-job.js';
import { flightsLayout } from './workloads.js';

/**
 * Peak memory of a training process on more rows than it may hold: flights as `flight-delay` encodes them, made up here, an epoch and
 * a validation of a sixth as many rows. Linux only: the peak is `VmHWM` of the process.
 */

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '30000000' },
    resident: { type: 'string' },
    scratch: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(`Usage: npm run bench:train-memory [-- --json] [--rows 30000000] [--resident <MB>] [--scratch <directory>]

--resident  training.residentMegabytes; default its own
--scratch   where the encoded rows lie meanwhile; 30 million need 1 GB
`);
  process.exit(0);
}
const rows = Number(options.rows);
const residentMegabytes = options.resident === undefined ? undefined : Number(options.resident);

const directory = await mkdtemp(path.join(options.scratch, 'anneal-bench-memory-'));
const children = new TrainingChildren();
try {
  const job: TrainingJob = {
    key: 'bench',
    request: {
      model: { family: 'wide-and-deep', hidden: [128, 64], activation: 'relu', embeddingScale: 1 },
      training: {
        engine: 'onnxruntime',
        epochs: 1,
        batchSize: 2048,
        learningRate: 0.006,
        schedule: 'cosine',
        weightDecay: 0,
        classWeights: 'balanced',
        seed: 1,
        checkpointEverySeconds: 1,
        ...(residentMegabytes === undefined ? {} : { residentMegabytes }),
      },
      primaryMetric: 'auc',
      task: 'binary',
      classes: 2,
      layout: flightsLayout,
      trainingPrior: [0.8, 0.2],
      dataDigest: 'bench',
      threads: availableParallelism(),
    },
    train: await writeRows('train', rows, 1),
    validation: await writeRows('validation', Math.ceil(rows / 6), 2),
    candidates: [],
    directory,
  };
  const startedAt = performance.now();
  let trainedAfterMs = 0;
  const callbacks = {
    onProgress: ({ step, totalSteps }: { step: number; totalSteps: number }) => {
      if (step === totalSteps) trainedAfterMs ||= performance.now() - startedAt;
    },
    onCheckpoint: async () => {},
  };
  const { result } = await children.run(job, callbacks);
  const peakBytes = await peakMemory(children.processIds[0]);
  const report = {
    rows,
    validationRows: job.validation.rows,
    encodedBytes: rows * encodedRowBytes(flightsLayout),
    peakBytes,
    steps: result.step,
    rowsPerSecond: result.rowsPerSecond,
    trainingMs: trainedAfterMs,
    totalMs: performance.now() - startedAt,
    auc: result.validation.auc,
  };
  const megabytes = (bytes: number) => Math.round(bytes / 1e6).toLocaleString('en');
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  process.stdout.write(
    options.json
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${rows.toLocaleString('en')} rows of ${encodedRowBytes(flightsLayout)} bytes, ${megabytes(report.encodedBytes)} MB encoded; ${report.validationRows.toLocaleString('en')} rows to validate on
one epoch, ${result.step.toLocaleString('en')} steps: ${seconds(report.trainingMs)} s, ${Math.round(result.rowsPerSecond).toLocaleString('en')} rows/s within the engine; with the validation ${seconds(report.totalMs)} s
peak memory of the training process: ${megabytes(peakBytes)} MB
`,
  );
} finally {
  await children.close();
  await rm(directory, { recursive: true, force: true });
}

/** Rows whose label follows from the hour and the origin, with noise. */
async function writeRows(name: string, count: number, seed: number): Promise<EncodedFiles> {
  const paths = { categorical: `${name}-categorical`, numeric: `${name}-numeric`, target: `${name}-target` };
  const files = { rows: count, ...Object.fromEntries(Object.entries(paths).map(([part, file]) => [part, path.join(directory, file)])) };
  const handles = await Promise.all(Object.values(paths).map((file) => open(path.join(directory, file), 'w')));
  const random = createRandom(seed);
  const piece = 500_000;
  for (let from = 0; from < count; from += piece) {
    const size = Math.min(piece, count - from);
    const columns = flightsLayout.categorical.length;
    const categorical = new Int32Array(size * columns);
    for (let i = 0; i < categorical.length; i++) categorical[i] = Math.floor(random() * flightsLayout.categorical[i % columns].size);
    const numeric = Float32Array.from({ length: size }, () => random() * 2 - 1);
    const target = Float32Array.from({ length: size }, (_, i) =>
      Number(random() * 3 < 0.1 + categorical[i * columns + 2] / 25 + (categorical[i * columns] % 7) / 14),
    );
    await Promise.all([categorical, numeric, target].map((array, i) => handles[i].write(new Uint8Array(array.buffer))));
  }
  for (const handle of handles) await handle.close();
  return files as EncodedFiles;
}

async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

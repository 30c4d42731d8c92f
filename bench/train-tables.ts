import type { Peer } from './peers.js';
import type { EngineName, Workload } from './workloads.js';

/** What is measured. */
export type Subject = EngineName | Peer;

const labels: Readonly<Record<Subject, string>> = {
  onnxruntime: 'compiled (tfjs → ONNX Loop → onnxruntime)',
  'tfjs-node-gpu': 'tfjs-node-gpu (libtensorflow, eager)',
  'tfjs-wasm': 'tfjs wasm (one thread)',
  'tfjs-cpu': 'tfjs pure JS (one thread)',
  jax: 'JAX (jit + scan)',
  torch: 'PyTorch (eager)',
  sklearn: 'scikit-learn MLPClassifier',
};

export interface Measurement {
  readonly subject: Subject;
  readonly version?: string;
  /** Median over the rounds. */
  readonly msPerStep?: number;
  /** Of the least disturbed round: wall time, and the time that processors were at work for it, which other programs disturb less. */
  readonly bestMsPerStep?: number;
  readonly processorMsPerStep?: number;
  readonly rowsPerSecond?: number;
  /** How many times the compiled engine's time it takes. */
  readonly ratio?: number;
  readonly finalLoss?: number;
  readonly leftOut?: string;
}

/** Of a network with a number of threads. */
export interface Report {
  readonly workload: Workload['name'];
  readonly threads: number;
  readonly batchSize: number;
  readonly rows: number;
  readonly overheadMs: number;
  readonly results: readonly Measurement[];
}

/** All subjects of a network with a number of threads. */
export function table({ title, network }: Workload, threads: number, overheadMs: number, entries: readonly Measurement[]): string {
  const lines = [
    ['engine', 'ms/step', 'best round', 'processor ms', 'rows/s', 'times compiled'],
    ...entries.map((entry) => {
      const { subject, version, msPerStep, bestMsPerStep, processorMsPerStep, rowsPerSecond, ratio, leftOut } = entry;
      const name = version === undefined ? labels[subject] : `${labels[subject]} ${version}`;
      return leftOut === undefined
        ? [
            name,
            msPerStep!.toFixed(3),
            bestMsPerStep!.toFixed(3),
            processorMsPerStep!.toFixed(3),
            rowsPerSecond!.toLocaleString('en'),
            `${ratio!.toFixed(2)} ×`,
          ]
        : [name, '–', '–', '–', '–', `left out: ${leftOut}`];
    }),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
  return `${title}, ${countThreads(threads)}; median ms/step

${text.join('\n')}

Recording, lowering and opening the session took ${Math.round(overheadMs)} ms, for ${network.parameterCount.toLocaleString('en')} parameters.

`;
}

/** Who has so many cores may give a peer fewer of them: each subject with the number of threads that suits it best. */
export function fastest(tables: readonly Report[]): string {
  const best = new Map<Subject, { readonly ms: number; readonly threads: number }>();
  for (const { threads, results } of tables)
    for (const { subject, msPerStep } of results)
      if (msPerStep !== undefined && msPerStep < (best.get(subject)?.ms ?? Infinity)) best.set(subject, { ms: msPerStep, threads });
  const compiled = best.get('onnxruntime')!;
  const lines = [...best]
    .toSorted(([, a], [, b]) => a.ms - b.ms)
    .map(
      ([subject, { ms, threads }]) =>
        `  ${ms.toFixed(3)}  ${(ms / compiled.ms).toFixed(2)} ×  ${labels[subject]}, ${countThreads(threads)}`,
    );
  return `The best of each, ms/step and times compiled:\n${lines.join('\n')}\n\n`;
}

function countThreads(threads: number): string {
  return `${threads} thread${threads === 1 ? '' : 's'}`;
}

import { DuckDBInstance } from '@duckdb/node-api';
import type { FeatureLayout } from '../contracts/dataset.js';
import type { ModelSpec } from '../contracts/pipeline.js';
import { textLiteral } from '../ml/data/sql-quoting.js';
import { buildNetwork } from '../ml/models/build-network.js';
import type { Network } from '../ml/models/network.js';
import { createRandom } from '../ml/models/random.js';
import type { EncodedData, EngineSession, NetworkPlan, TrainingEngine } from '../ml/train/engine.js';
import { openCompiled } from '../ml/train/engines/onnxruntime.js';
import { openEager } from '../ml/train/engines/tfjs.js';
import { type TfjsBackend, cpuBackend, nativeBackend, wasmBackend } from '../ml/train/engines/tfjs-backend.js';
import { flightsPath } from './data/flights.js';
import type { Peer } from './peers.js';

export type EngineName = 'onnxruntime' | TfjsBackend['engine'];

/** A network with its data, and how long to measure it. */
export interface Workload {
  readonly name: 'mlp' | 'cnn' | 'wide-and-deep';
  readonly title: string;
  readonly network: Network;
  readonly plan: NetworkPlan;
  readonly data: EncodedData;
  readonly rounds: number;
  /** Why a subject does not take part. */
  readonly leftOut?: Readonly<Partial<Record<EngineName | Peer, string>>>;
  /** Steps of a round. */
  readonly stepsPerRound: Readonly<Partial<Record<EngineName | Peer, number>>>;
}

export const workloads: Readonly<Record<Workload['name'], (threads: number) => Promise<Workload>>> = {
  mlp: mlpWorkload,
  cnn: cnnWorkload,
  'wide-and-deep': wideAndDeepWorkload,
};

const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 };

export async function mlpWorkload(threads: number): Promise<Workload> {
  const [rows, width] = [20_000, 32];
  const layout = { categorical: [], numeric: Array.from({ length: width }, (_, i) => `x${i}`) };
  const random = createRandom(20_000);
  // Labels of a noisy linear rule, so that the loss has somewhere to go.
  const weights = Array.from({ length: width }, () => random() - 0.5);
  const numeric = Float32Array.from({ length: rows * width }, () => random() * 2 - 1);
  const target = Float32Array.from({ length: rows }, (_, row) => {
    const score = weights.reduce((sum, weight, i) => sum + weight * numeric[row * width + i], random() - 0.5);
    return Number(score > 0);
  });
  return {
    name: 'mlp',
    title: 'MLP 32→128→64→1, batch 256, Adam, binary cross-entropy, 20,000 rows',
    network: buildNetwork({ family: 'mlp', hidden: [128, 64], activation: 'relu' }, layout, 1, 1),
    plan: { task: 'binary', batchSize: 256, optimizer, seed: 1, threads },
    data: { rows, numeric, target },
    rounds: 11,
    // About a tenth of a second of each subject's time.
    stepsPerRound: { onnxruntime: 400, 'tfjs-node-gpu': 10, 'tfjs-wasm': 6, 'tfjs-cpu': 1, jax: 400, torch: 100, sklearn: 79 },
  };
}

const cnn: ModelSpec = {
  family: 'cnn',
  filters: [32, 64],
  kernelSize: 3,
  pool: 'max',
  globalPooling: false,
  hidden: [],
  activation: 'relu',
};

export async function cnnWorkload(threads: number): Promise<Workload> {
  const rows = 2000;
  const random = createRandom(2000);
  return {
    name: 'cnn',
    title: 'CNN 28×28×1 → 3×3 convolution 32 → pool → 3×3 convolution 64 → pool → dense 10, batch 64, Adam, 2,000 images',
    network: buildNetwork(cnn, { categorical: [], numeric: [], image: { name: 'image', height: 28, width: 28, channels: 1 } }, 10, 1),
    plan: { task: 'multiclass', batchSize: 64, optimizer, seed: 1, threads },
    data: {
      rows,
      image: Uint8Array.from({ length: rows * 28 * 28 }, () => Math.floor(random() * 256)),
      target: Float32Array.from({ length: rows }, () => Math.floor(random() * 10)),
    },
    rounds: 5,
    stepsPerRound: { onnxruntime: 8, 'tfjs-node-gpu': 4, jax: 1, torch: 8 },
    leftOut: {
      'tfjs-wasm': 'it lacks the gradients of convolutions',
      'tfjs-cpu': 'it takes most of a minute a step',
      sklearn: 'it has no convolutions',
    },
  };
}

/** What the flights' categories are looked up in: 53 numbers, with the distance 54. */
export const flightsLayout: FeatureLayout = {
  categorical: [
    { name: 'origin', size: 230, dimension: 16 },
    { name: 'destination', size: 230, dimension: 16 },
    { name: 'hour', size: 25, dimension: 8 },
    { name: 'minute', size: 61, dimension: 8 },
    { name: 'dayOfWeek', size: 8, dimension: 5 },
  ],
  numeric: ['distance'],
};

export async function wideAndDeepWorkload(threads: number): Promise<Workload> {
  const data = await readFlights();
  const model: ModelSpec = { family: 'wide-and-deep', hidden: [128, 64], activation: 'relu', embeddingScale: 1 };
  return {
    name: 'wide-and-deep',
    title: `wide-and-deep on flights, five embeddings, 54→128→64→1, batch 2,048, Adam, ${data.rows.toLocaleString('en')} rows`,
    network: buildNetwork(model, flightsLayout, 1, 1),
    plan: { task: 'binary', batchSize: 2048, optimizer, seed: 1, threads },
    data,
    rounds: 9,
    leftOut: { sklearn: 'it has no embeddings', 'tfjs-cpu': 'it takes seconds a step' },
    stepsPerRound: { onnxruntime: 40, 'tfjs-node-gpu': 2, 'tfjs-wasm': 1, jax: 40, torch: 10 },
  };
}

/** January to April, encoded as `flight-delay` encodes them: 0 is missing, 1 a rare airport. */
async function readFlights(): Promise<EncodedData> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB' });
  const connection = await instance.connect();
  try {
    const file = `read_parquet(${textLiteral(flightsPath)})`;
    const airports = (column: string) =>
      `(SELECT ${column} AS name, 1 + row_number() OVER (ORDER BY count(*) DESC, ${column}) AS id FROM ${file} GROUP BY ${column})`;
    const reader = await connection.runAndReadAll(`
      SELECT CASE WHEN o.id < 230 THEN o.id ELSE 1 END::INTEGER, CASE WHEN d.id < 230 THEN d.id ELSE 1 END::INTEGER,
        1 + hour(date)::INTEGER, 1 + minute(date)::INTEGER, isodow(date)::INTEGER, ((distance - 700) / 550)::FLOAT, (delay > 15)::INTEGER
      FROM ${file} AS f JOIN ${airports('origin')} AS o ON o.name = f.origin JOIN ${airports('destination')} AS d ON d.name = f.destination
      WHERE date < '2001-05-01' AND delay >= -60 ORDER BY date, f.origin, f.destination, delay`);
    const columns = reader.getColumns() as number[][];
    const rows = columns[0].length;
    const categorical = new Int32Array(rows * 5);
    for (let c = 0; c < 5; c++) columns[c].forEach((value, row) => (categorical[row * 5 + c] = value));
    return { rows, categorical, numeric: Float32Array.from(columns[5]), target: Float32Array.from(columns[6]) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const backends: Readonly<Record<Exclude<EngineName, 'onnxruntime'>, TfjsBackend>> = {
  'tfjs-node-gpu': nativeBackend,
  'tfjs-wasm': wasmBackend,
  'tfjs-cpu': cpuBackend,
};

export function openWorkload(engine: EngineName, { network, plan, data }: Workload): Promise<EngineSession> {
  return engine === 'onnxruntime' ? openCompiled(network, plan, data) : openEager(backends[engine], network, plan, data);
}

/** @returns why the engine cannot be used here, or undefined */
export async function missingEngine(engine: EngineName): Promise<string | undefined> {
  if (engine === 'onnxruntime') return undefined;
  return (await backends[engine].unavailable()) === undefined ? undefined : 'npm run build:tfjs-native';
}

export const engineNames: readonly TrainingEngine['name'][] = ['onnxruntime', 'tfjs-node-gpu', 'tfjs-wasm', 'tfjs-cpu'];

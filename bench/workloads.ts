import type { ModelSpec } from '../contracts/pipeline.js';
import { buildNetwork } from '../ml/models/build-network.js';
import type { Network } from '../ml/models/network.js';
import { createRandom } from '../ml/models/random.js';
import type { EncodedData, EngineSession, NetworkPlan, TrainingEngine } from '../ml/train/engine.js';
import { openCompiled } from '../ml/train/engines/onnxruntime.js';
import { openEager } from '../ml/train/engines/tfjs.js';
import { type TfjsBackend, cpuBackend, nativeBackend, wasmBackend } from '../ml/train/engines/tfjs-backend.js';

type EngineName = TrainingEngine['name'];

/** A network with its data, and how long to measure it. */
export interface Workload {
  readonly name: 'mlp' | 'cnn';
  readonly title: string;
  readonly network: Network;
  readonly plan: NetworkPlan;
  readonly data: EncodedData;
  readonly rounds: number;
  /** Why an engine does not take part. */
  readonly leftOut?: Readonly<Partial<Record<EngineName, string>>>;
  /** Steps of a round. */
  readonly stepsPerRound: Readonly<Partial<Record<EngineName | 'jax' | 'torch', number>>>;
}

const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 };

export function mlpWorkload(threads: number): Workload {
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
    rounds: 7,
    // About a tenth of a second of each engine's time.
    stepsPerRound: { onnxruntime: 400, 'tfjs-node-gpu': 40, 'tfjs-wasm': 24, 'tfjs-cpu': 8, jax: 400, torch: 100 },
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

export function cnnWorkload(threads: number): Workload {
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
    stepsPerRound: { onnxruntime: 8, 'tfjs-node-gpu': 4, jax: 4, torch: 8 },
    leftOut: { 'tfjs-wasm': 'it lacks the gradients of convolutions', 'tfjs-cpu': 'it takes most of a minute a step' },
  };
}

const backends: Readonly<Record<Exclude<EngineName, 'onnxruntime'>, TfjsBackend>> = {
  'tfjs-node-gpu': nativeBackend,
  'tfjs-wasm': wasmBackend,
  'tfjs-cpu': cpuBackend,
};

export function openWorkload(engine: EngineName, { network, plan, data }: Workload): Promise<EngineSession> {
  return engine === 'onnxruntime' ? openCompiled(network, plan, data) : openEager(backends[engine], network, plan, data);
}

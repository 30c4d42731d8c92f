import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';

/** A tfjs backend that can train. */
export interface TfjsBackend {
  readonly engine: 'tfjs-cpu' | 'tfjs-wasm' | 'tfjs-node-gpu';
  /** @returns why it cannot be used here, or undefined */
  unavailable(): Promise<string | undefined>;
  /** Make it the current backend of tfjs. Safe to call again. */
  use(): Promise<void>;
}

export const cpuBackend: TfjsBackend = {
  engine: 'tfjs-cpu',
  unavailable: () => Promise.resolve(undefined),
  async use() {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    // Its first write prints advice to use another package.
    (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  },
};

export const wasmBackend: TfjsBackend = {
  engine: 'tfjs-wasm',
  unavailable: () => Promise.resolve(undefined),
  async use() {
    await import('@tensorflow/tfjs-backend-wasm');
    await tf.setBackend('wasm');
    registerSegmentSum();
  },
};

const nativePackage = '@tensorflow/tfjs-node-gpu';

export const nativeBackend: TfjsBackend = {
  engine: 'tfjs-node-gpu',
  unavailable() {
    const missing = missingBinding();
    return Promise.resolve(
      missing &&
        `The engine tfjs-node-gpu needs the native binding of ${nativePackage}, and ${missing}. It is built on the machine that uses it. Run "npm run build:tfjs-native" (with "-- --gpu" for CUDA), or train with engine "auto".`,
    );
  },
  async use() {
    await import(nativePackage);
    await tf.setBackend('tensorflow');
  },
};

function missingBinding(): string | undefined {
  let packageFile: string;
  try {
    packageFile = createRequire(import.meta.url).resolve(`${nativePackage}/package.json`);
  } catch {
    return 'that package is not installed';
  }
  const binding = path.join(path.dirname(packageFile), 'lib', 'napi-v8', 'tfjs_binding.node');
  return existsSync(binding) ? undefined : 'that is not built yet';
}

/** The wasm backend lacks the gradient of an embedding look-up; its `ScatterNd` adds up rows with equal indices, which is the same sum. */
function registerSegmentSum(): void {
  if (tf.getKernel('UnsortedSegmentSum', 'wasm')) return;
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { x, segmentIds } = inputs as Record<string, tf.TensorInfo>;
      if (segmentIds.shape.length !== 1) throw new Error('segment ids of a rank above 1 are not supported by the wasm backend');
      const indices: tf.TensorInfo = { ...segmentIds, shape: [segmentIds.shape[0], 1] };
      const shape = [Number(attrs?.numSegments), ...x.shape.slice(1)];
      return tf.getKernel('ScatterNd', 'wasm').kernelFunc({ inputs: { indices, updates: x }, backend, attrs: { shape } });
    },
  });
}

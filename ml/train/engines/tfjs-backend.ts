import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';

/** A tfjs backend that can train. */
export interface TfjsBackend {
  readonly engine: 'tfjs-cpu' | 'tfjs-wasm' | 'tfjs-node-gpu';
  /** @returns why it cannot be used here, or undefined */
  unavailable(): Promise<string | undefined>;
  /** Load it and make it the current backend of tfjs. Safe to call again, and beside the use of other backends. */
  use(): Promise<void>;
  /** Make it the current backend at once, after `use` has loaded it: tfjs has one for the whole process, and others may have come in between. */
  activate(): void;
}

/** tfjs gives up initializing a backend when it is told to initialize another one, so they are loaded one after the other. */
let loading: Promise<unknown> = Promise.resolve();

function createBackend(
  engine: TfjsBackend['engine'],
  name: string,
  load: () => Promise<void>,
  unavailable = () => Promise.resolve<string | undefined>(undefined),
): TfjsBackend {
  let loaded: Promise<void> | undefined;
  const loadOnce = async () => {
    await load();
    if (!(await tf.setBackend(name))) throw new Error(`TensorFlow.js could not initialize its backend "${name}"`);
  };
  return {
    engine,
    unavailable,
    // Setting a backend that is initialized takes effect before the first await.
    activate: () => void tf.setBackend(name),
    async use() {
      if (!loaded) {
        loaded = loading.then(loadOnce);
        loading = loaded.catch(() => undefined);
      }
      await loaded;
      this.activate();
    },
  };
}

export const cpuBackend = createBackend('tfjs-cpu', 'cpu', async () => {
  await import('../../graph/cpu-backend.js');
});

export const wasmBackend = createBackend('tfjs-wasm', 'wasm', async () => {
  await import('@tensorflow/tfjs-backend-wasm');
  registerSegmentSum();
});

const nativePackage = '@tensorflow/tfjs-node-gpu';

export const nativeBackend = createBackend(
  'tfjs-node-gpu',
  'tensorflow',
  async () => {
    // TensorFlow's C++ side writes its start-up notices to stderr.
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
    await import(nativePackage);
  },
  async () => {
    const missing = missingBinding() ?? (await loadProblem());
    return (
      missing &&
      `The engine tfjs-node-gpu needs the native binding of ${nativePackage}, and ${missing}. It is built on the machine that uses it. Run "npm run build:tfjs-native" (with "-- --gpu" for CUDA), or train with engine "auto".`
    );
  },
);

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

/** A binding that was built can still lack its libraries, which lie elsewhere. */
async function loadProblem(): Promise<string | undefined> {
  try {
    await nativeBackend.use();
    return undefined;
  } catch (error) {
    return `that cannot be loaded (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`;
  }
}

/** The wasm backend lacks the gradient of an embedding look-up; its `ScatterNd` adds up rows with equal indices, which is the same sum. */
function registerSegmentSum(): void {
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

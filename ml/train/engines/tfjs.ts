import * as tf from '@tensorflow/tfjs-core';
import { imageSize } from '../../../contracts/image-input.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { randomKeys } from '../../models/random-keys.js';
import { pixelScale } from '../../graph/lower-pixels.js';
import { networkOf } from '../../models/build-network.js';
import type { Network } from '../../models/network.js';
import type { EncodedData, EngineSession, EngineState, NetworkPlan, StepPlan, TrainingEngine } from '../engine.js';
import { checkState, initialState, servedParameters, stateOf, type StateVector, stateVectors } from '../checkpoint/engine-state.js';
import { type OptimizedVectors, stepScalars } from '../optimizer/optimizer.js';
import { checkData } from './check-data.js';
import { checkSteps } from './check-steps.js';
import { forwardRows } from './forward-rows.js';
import { type TfjsBackend, cpuBackend, nativeBackend, wasmBackend } from './tfjs-backend.js';
import { type Batch, randomStreams, splitParameters, trainingStep } from './training-step.js';

/**
 * An eager engine: the same training step, each operation run by a tfjs backend as it comes.
 *
 * `runSteps` blocks the thread. It sets tfjs' current backend.
 */
function createTfjsEngine(backend: TfjsBackend): TrainingEngine {
  return {
    name: backend.engine,
    unavailable: () => backend.unavailable(),
    async open(plan: StepPlan, data: EncodedData): Promise<EngineSession> {
      const problem = await backend.unavailable();
      if (problem) throw new AnnealError(failureTypes.invalidModel, problem);
      return openEager(backend, networkOf(plan), plan, data);
    },
  };
}

/** As an eager engine's `open`, for a network that no family of the pipeline describes, on a backend that can be used. */
export async function openEager(backend: TfjsBackend, network: Network, plan: NetworkPlan, data: EncodedData): Promise<EngineSession> {
  checkData(plan.task, network, data);
  await backend.use();
  backend.activate();
  return new TfjsSession(network, plan, data, backend);
}

export const tfjsCpuEngine = createTfjsEngine(cpuBackend);
export const tfjsWasmEngine = createTfjsEngine(wasmBackend);
export const tfjsNativeEngine = createTfjsEngine(nativeBackend);

class TfjsSession implements EngineSession {
  private state: OptimizedVectors;
  private readonly vectors: readonly StateVector[];

  constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    private data: EncodedData,
    private readonly backend: TfjsBackend,
  ) {
    this.vectors = stateVectors(plan.optimizer, network);
    this.state = this.toTensors(initialState(plan.optimizer, network));
  }

  useRows(data: EncodedData): void {
    checkData(this.plan.task, this.network, data);
    this.data = data;
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const steps = learningRates.length;
    checkSteps(rows, steps, this.plan.batchSize);
    this.backend.activate();
    const losses = new Float32Array(steps);
    try {
      this.runEach(rows, learningRates, firstStep, losses);
    } catch (error) {
      throw withoutKernel(error, this.backend.engine);
    }
    return losses;
  }

  private runEach(rows: Int32Array, learningRates: Float32Array, firstStep: number, losses: Float32Array): void {
    const { batchSize, optimizer } = this.plan;
    const steps = learningRates.length;
    for (let i = 0; i < steps; i++) {
      const previous = this.state;
      losses[i] = tf.tidy(() => {
        const scalars = tf.tensor1d(stepScalars(optimizer, learningRates[i], firstStep + i + 1), 'float32'); // [stepScalarCount]
        const batch = this.gather(rows.subarray(i * batchSize, (i + 1) * batchSize));
        const streams = randomStreams(this.network, this.plan);
        const keys = streams > 0 ? tf.tensor1d(randomKeys(this.plan.seed, firstStep + i, streams), 'int32') : undefined; // [2S]
        const { loss, ...next } = trainingStep(this.network, this.plan, previous, batch, scalars, keys);
        this.state = stateOf(this.vectors, ({ name }) => tf.keep(next[name]!));
        return loss.dataSync()[0];
      });
      tf.dispose(Object.values(previous));
    }
  }

  async logits(data: EncodedData): Promise<Float32Array> {
    this.backend.activate();
    const { outputs } = this.network;
    const logits = new Float32Array(data.rows * outputs);
    const atOnce = forwardRows(this.network);
    for (let from = 0; from < data.rows; from += atOnce) {
      const rows = Math.min(atOnce, data.rows - from);
      const part = tf.tidy(() =>
        this.network.forward(splitParameters(this.network, servedParameters(this.state)), this.matrices(data, from, rows)).dataSync(),
      );
      logits.set(part, from * outputs);
    }
    return logits;
  }

  async getState(): Promise<EngineState> {
    this.backend.activate();
    return stateOf(this.vectors, ({ name }) => Float32Array.from(this.state[name]!.dataSync()));
  }

  async setState(state: EngineState): Promise<void> {
    checkState(this.vectors, state);
    this.backend.activate();
    tf.dispose(Object.values(this.state));
    this.state = this.toTensors(state);
  }

  /** Kept outside any tidy; the arrays are copied, since a backend may hold on to what it is given. */
  private toTensors(state: EngineState): OptimizedVectors {
    return stateOf(this.vectors, ({ name }) => tf.tensor1d(state[name]!.slice()));
  }

  async dispose(): Promise<void> {
    this.backend.activate();
    tf.dispose(Object.values(this.state));
  }

  private gather(rows: Int32Array): Batch {
    const [indices, numbers] = [this.network.layout.categorical.length, this.network.layout.numeric.length];
    const { categorical, numeric, image, target } = this.data;
    const size = this.imageSize();
    const batch = {
      categorical: new Int32Array(rows.length * indices),
      numeric: new Float32Array(rows.length * numbers),
      image: new Uint8Array(rows.length * size),
      target: new Float32Array(rows.length),
    };
    rows.forEach((row, i) => {
      for (let c = 0; c < indices; c++) batch.categorical[i * indices + c] = categorical![row * indices + c];
      for (let f = 0; f < numbers; f++) batch.numeric[i * numbers + f] = numeric![row * numbers + f];
      if (size > 0) batch.image.set(image!.subarray(row * size, (row + 1) * size), i * size);
      batch.target[i] = target[row];
    });
    return { ...this.matrices({ rows: rows.length, ...batch }, 0, rows.length), target: tf.tensor1d(batch.target) };
  }

  private matrices(data: EncodedData, from: number, rows: number): Omit<Batch, 'target'> {
    const [indices, numbers] = [this.network.layout.categorical.length, this.network.layout.numeric.length];
    const until = from + rows;
    return {
      categorical:
        indices > 0 ? tf.tensor2d(data.categorical!.subarray(from * indices, until * indices), [rows, indices], 'int32') : undefined,
      numeric: numbers > 0 ? tf.tensor2d(data.numeric!.subarray(from * numbers, until * numbers), [rows, numbers]) : undefined,
      image: this.images(data, from, until),
    };
  }

  /** @returns float32 [until − from, height, width, channels] */
  private images(data: EncodedData, from: number, until: number): tf.Tensor4D | undefined {
    const { image } = this.network.layout;
    if (!image) return undefined;
    const size = this.imageSize();
    const bytes = data.image!.subarray(from * size, until * size);
    const pixels = Float32Array.from(bytes, (byte) => byte / pixelScale);
    return tf.tensor4d(pixels, [until - from, image.height, image.width, image.channels]);
  }

  private imageSize(): number {
    const { image } = this.network.layout;
    return image ? imageSize(image) : 0;
  }
}

/** A backend is the same at the next attempt. */
function withoutKernel(error: unknown, engine: TfjsBackend['engine']): unknown {
  const kernel = error instanceof Error ? /^Kernel '(\w+)' not registered for backend/.exec(error.message)?.[1] : undefined;
  if (kernel === undefined) return error;
  return new AnnealError(
    failureTypes.invalidModel,
    `The engine ${engine} cannot train this model: it lacks the TensorFlow.js kernel "${kernel}", which a training step of the model needs. Set training.engine to "auto", or to another engine.`,
    { engine, kernel },
    { cause: error },
  );
}

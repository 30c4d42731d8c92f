import ort from 'onnxruntime-node';
import { imageSize } from '../../../contracts/image-input.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { randomKeys } from '../../models/random-keys.js';
import { networkOf } from '../../models/build-network.js';
import type { Network } from '../../models/network.js';
import type { EncodedData, EngineSession, EngineState, NetworkPlan, StepPlan, TrainingEngine } from '../engine.js';
import { checkState, initialState, servedParameters, stateOf, type StateOf, type StateVector, stateVectors } from '../engine-state.js';
import { stepScalarCount, stepScalars } from '../optimizer.js';
import { channelBlock } from './channel-block.js';
import { checkData } from './check-data.js';
import { missingCuda } from './cuda.js';
import { forwardRows } from './forward-rows.js';
import { isPacked, packRows } from './packed-rows.js';
import { buildForwardGraph, buildTrainingGraph } from './training-graph.js';
import { randomStreams } from './training-step.js';

/** Where onnxruntime computes. */
interface Device {
  readonly engine: 'onnxruntime' | 'onnxruntime-cuda';
  readonly executionProviders: ort.InferenceSession.ExecutionProviderConfig[];
}

const processor: Device = { engine: 'onnxruntime', executionProviders: ['cpu'] };
/** Kernels that CUDA lacks run on the processor. */
const cuda: Device = { engine: 'onnxruntime-cuda', executionProviders: ['cuda', 'cpu'] };

/**
 * The compiled engine: one recorded training step, lowered to ONNX, repeated in a `Loop` by onnxruntime.
 *
 * Bit-identical for equal plan, state and rows, in one call or in several, and across processes on the same kind of machine.
 * `open` and `runSteps` block the thread.
 */
export const onnxruntimeEngine: TrainingEngine = createEngine(processor, () => Promise.resolve(undefined));

/**
 * The same graph on an NVIDIA device. The weights stay there during a call, and are copied to and fro between calls, as the rows are:
 * onnxruntime-node binds no tensors to CUDA's memory.
 *
 * Not bit-identical: sums over equal indices are added up in any order there.
 */
export const onnxruntimeCudaEngine: TrainingEngine = createEngine(cuda, async () => missingCuda());

function createEngine(device: Device, unavailable: TrainingEngine['unavailable']): TrainingEngine {
  return {
    name: device.engine,
    unavailable,
    async open(plan: StepPlan, data: EncodedData): Promise<EngineSession> {
      const problem = await unavailable();
      if (problem) throw new AnnealError(failureTypes.invalidModel, problem);
      const { network, graph } = await compilePlan(plan, device);
      checkData(plan.task, network, data);
      return new OnnxruntimeSession(network, plan, data, await createSession(graph, usefulThreads(network, plan), device), device);
    },
  };
}

/** As the engine's `open`, for a network that no family of the pipeline describes. @throws AnnealError as `open` does */
export async function openCompiled(network: Network, plan: NetworkPlan, data: EncodedData): Promise<EngineSession> {
  checkData(plan.task, network, data);
  const graph = buildTrainingGraph(network, plan, await blockFor(network, processor));
  return new OnnxruntimeSession(network, plan, data, await createSession(graph, usefulThreads(network, plan), processor), processor);
}

interface CompiledPlan {
  readonly network: Network;
  /** Bytes of the training graph. */
  readonly graph: Uint8Array;
}

let newest: { readonly key: string; readonly compiled: CompiledPlan } | undefined;

/**
 * Build a plan's network and its training graph. The newest one is kept, since choosing an engine asks for it before opening does.
 *
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export async function compilePlan(plan: StepPlan, device = processor): Promise<CompiledPlan> {
  const key = JSON.stringify([device.engine, plan]);
  if (newest?.key !== key) {
    const network = networkOf(plan);
    newest = { key, compiled: { network, graph: buildTrainingGraph(network, plan, await blockFor(network, device)) } };
  }
  return newest.compiled;
}

/** Only images have channels, and only processors blocks of them. */
async function blockFor({ layout }: Network, device: Device): Promise<number | undefined> {
  return layout.image && device === processor ? channelBlock() : undefined;
}

/** Parameters times rows of a mini-batch below which waking another thread costs more than it helps; measured on two cores. */
const leastSharedWork = 10_000_000;

/** A function of the plan alone, since a sum's order can depend on the number of threads. */
function usefulThreads({ parameterCount, layout }: Network, { batchSize, threads }: NetworkPlan): number {
  // A filter is used at every place of an image.
  return !layout.image && parameterCount * batchSize < leastSharedWork ? 1 : threads;
}

async function createSession(graph: Uint8Array, threads: number, { executionProviders }: Device): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(graph, {
      executionProviders,
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // A thread that waits by spinning holds a core that others want: on a busy machine a step took three to five times as long.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    throw new AnnealError(
      failureTypes.invalidModel,
      `onnxruntime refused the compiled model: ${error instanceof Error ? error.message : String(error)}. It was expected to accept every graph that the compiled engine writes. Train with engine "tfjs-wasm", and report the model.`,
      undefined,
      { cause: error },
    );
  }
}

class OnnxruntimeSession implements EngineSession {
  private state: StateOf<ort.Tensor>;
  private readonly vectors: readonly StateVector[];
  private resident: Record<string, ort.Tensor>;
  private forward: ort.InferenceSession | undefined;

  constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    data: EncodedData,
    private readonly session: ort.InferenceSession,
    private readonly device: Device,
  ) {
    this.resident = residentRows(network, data);
    this.vectors = stateVectors(plan.optimizer, network);
    this.state = this.toTensors(initialState(plan.optimizer, network));
  }

  useRows(data: EncodedData): void {
    checkData(this.plan.task, this.network, data);
    this.resident = residentRows(this.network, data);
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { batchSize, optimizer } = this.plan;
    const steps = learningRates.length;
    if (rows.length !== steps * batchSize) throw new Error(`${steps} steps need ${steps * batchSize} rows, ${rows.length} were given`);
    if (steps === 0) return new Float32Array(0);
    const scalarCount = stepScalarCount(optimizer);
    const scalars = new Float32Array(steps * scalarCount);
    learningRates.forEach((rate, i) => scalars.set(stepScalars(optimizer, rate, firstStep + i + 1), i * scalarCount));
    const result = await this.session.run({
      ...this.resident,
      ...this.randomFeed(firstStep, steps),
      steps: new ort.Tensor('int64', BigInt64Array.of(BigInt(steps)), []),
      rows: new ort.Tensor('int32', rows, [steps, batchSize]),
      scalars: new ort.Tensor('float32', scalars, [steps, scalarCount]),
      ...this.state,
    });
    this.state = stateOf(this.vectors, ({ name }) => result[`${name}_next`]);
    return Float32Array.from(result.losses.data as Float32Array);
  }

  private randomFeed(firstStep: number, steps: number): Record<string, ort.Tensor> {
    const streams = randomStreams(this.network, this.plan);
    if (streams === 0) return {};
    const keys = new Int32Array(steps * 2 * streams);
    for (let i = 0; i < steps; i++) keys.set(randomKeys(this.plan.seed, firstStep + i, streams), i * 2 * streams);
    return { randomKeys: new ort.Tensor('int32', keys, [steps, 2 * streams]) };
  }

  async logits(data: EncodedData): Promise<Float32Array> {
    this.forward ??= await createSession(
      buildForwardGraph(this.network, await blockFor(this.network, this.device)),
      this.plan.threads,
      this.device,
    );
    const { outputs } = this.network;
    const logits = new Float32Array(data.rows * outputs);
    const atOnce = forwardRows(this.network);
    for (let from = 0; from < data.rows; from += atOnce) {
      const rows = Math.min(atOnce, data.rows - from);
      const result = await this.forward.run({ parameters: servedParameters(this.state), ...matrices(this.network, data, from, rows) });
      logits.set(result.logits.data as Float32Array, from * outputs);
    }
    return logits;
  }

  getState(): Promise<EngineState> {
    return Promise.resolve(stateOf(this.vectors, ({ name }) => Float32Array.from(this.state[name]!.data as Float32Array)));
  }

  async setState(state: EngineState): Promise<void> {
    checkState(this.vectors, state);
    this.state = this.toTensors(state);
  }

  /** Of copies, since the caller may go on writing into its arrays. */
  private toTensors(state: EngineState): StateOf<ort.Tensor> {
    return stateOf(this.vectors, ({ name, size }) => new ort.Tensor('float32', state[name]!.slice(), [size]));
  }

  async dispose(): Promise<void> {
    await this.session.release();
    await this.forward?.release();
  }
}

function residentRows(network: Network, data: EncodedData): Record<string, ort.Tensor> {
  const { layout } = network;
  if (isPacked(layout)) {
    const width = layout.categorical.length + layout.numeric.length + 1;
    return { packed: new ort.Tensor('float32', packRows(layout, data), [data.rows, width]) };
  }
  return { ...matrices(network, data, 0, data.rows), target: new ort.Tensor('float32', data.target, [data.rows]) };
}

/** Rows of the feature matrices; views, nothing is copied. */
function matrices({ layout }: Network, data: EncodedData, from: number, rows: number): Record<string, ort.Tensor> {
  const [indices, numbers] = [layout.categorical.length, layout.numeric.length];
  const result: Record<string, ort.Tensor> = {};
  if (indices > 0)
    result.categorical = new ort.Tensor('int32', data.categorical!.subarray(from * indices, (from + rows) * indices), [rows, indices]);
  if (numbers > 0)
    result.numeric = new ort.Tensor('float32', data.numeric!.subarray(from * numbers, (from + rows) * numbers), [rows, numbers]);
  if (layout.image) {
    const size = imageSize(layout.image);
    result.image = new ort.Tensor('uint8', data.image!.subarray(from * size, (from + rows) * size), [rows, size]);
  }
  return result;
}

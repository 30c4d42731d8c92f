import ort from 'onnxruntime-node';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { networkOf } from '../../models/build-network.js';
import type { Network } from '../../models/network.js';
import type { EncodedData, EngineSession, EngineState, NetworkPlan, StepPlan, TrainingEngine } from '../engine.js';
import { channelBlock } from './channel-block.js';
import { checkData } from './check-data.js';
import { checkSteps } from './check-steps.js';
import { createSession } from './create-session.js';
import { missingCuda } from './cuda.js';
import { ForwardPass, matrices } from './forward-pass.js';
import { compileLanes, type LaneParts, LaneSession } from './lanes/lane-session.js';
import { usefulLanes } from './lanes/useful-lanes.js';
import { isPacked, packedWidth, packRows } from './packed-rows.js';
import { StepLoop } from './step-loop.js';
import { buildForwardGraph, buildTrainingGraph } from './training-graph.js';

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
    async open(plan: StepPlan, data: EncodedData, threads = plan.threads): Promise<EngineSession> {
      const problem = await unavailable();
      if (problem) throw new AnnealError(failureTypes.invalidModel, problem);
      return openNetwork(networkOf(plan), plan, data, { device, threads }, () => compilePlan(plan, device));
    },
  };
}

/** As the engine's `open`, for a network that no family of the pipeline describes. @throws AnnealError as `open` does */
export function openCompiled(network: Network, plan: NetworkPlan, data: EncodedData): Promise<EngineSession> {
  return openNetwork(network, plan, data, { device: processor, threads: plan.threads }, () => compileNetwork(network, plan, processor));
}

async function openNetwork(
  network: Network,
  plan: NetworkPlan,
  data: EncodedData,
  { device, threads }: { readonly device: Device; readonly threads: number },
  compile: () => Promise<CompiledStep>,
): Promise<EngineSession> {
  checkData(plan.task, network, data);
  const { executionProviders } = device;
  const forward = new ForwardPass(network, async () =>
    createSession(buildForwardGraph(network, await blockFor(network, device)), plan.threads, executionProviders),
  );
  const step = await compile();
  if (!(step instanceof Uint8Array)) return LaneSession.open(network, plan, data, { ...step, threads }, forward);
  const session = await createSession(step, usefulThreads(network, plan), executionProviders);
  return new OnnxruntimeSession(network, plan, data, session, forward);
}

/** A training graph, or what a session in lanes needs. */
type CompiledStep = Uint8Array | LaneParts;

let newest: { readonly key: string; readonly step: CompiledStep } | undefined;

/**
 * Build the graph of a plan's training step. The newest one is kept, since choosing an engine asks for it before opening does.
 *
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export async function compilePlan(plan: StepPlan, device = processor): Promise<CompiledStep> {
  const key = JSON.stringify([device.engine, plan]);
  if (newest?.key !== key) newest = { key, step: await compileNetwork(networkOf(plan), plan, device) };
  return newest.step;
}

async function compileNetwork(network: Network, plan: NetworkPlan, device: Device): Promise<CompiledStep> {
  const block = await blockFor(network, device);
  const lanes = lanesOf(network, plan, device);
  return lanes > 1 ? compileLanes(network, plan, lanes, block) : buildTrainingGraph(network, plan, block);
}

function lanesOf(network: Network, plan: NetworkPlan, device: Device): number {
  return device === processor ? usefulLanes(network, plan) : 1;
}

/** Only images have channels, and only processors blocks of them. */
async function blockFor({ layout }: Network, device: Device): Promise<number | undefined> {
  return layout.image && device === processor ? channelBlock() : undefined;
}

/** Parameters times rows of a mini-batch that stays whole, below which waking another thread costs more than it helps; measured on two cores. */
const leastSharedWork = 10_000_000;

/** A function of the plan alone, since a sum's order can depend on the number of threads. */
function usefulThreads({ parameterCount, layout }: Network, { batchSize, threads }: NetworkPlan): number {
  // A filter is used at every place of an image.
  return !layout.image && parameterCount * batchSize < leastSharedWork ? 1 : threads;
}

class OnnxruntimeSession implements EngineSession {
  private readonly loop: StepLoop;
  private resident: Record<string, ort.Tensor>;

  constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    data: EncodedData,
    session: ort.InferenceSession,
    private readonly forward: ForwardPass,
  ) {
    this.loop = new StepLoop(network, plan, session);
    this.resident = residentRows(network, data);
  }

  useRows(data: EncodedData): void {
    checkData(this.plan.task, this.network, data);
    this.resident = residentRows(this.network, data);
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { batchSize } = this.plan;
    const steps = learningRates.length;
    checkSteps(rows, steps, batchSize);
    if (steps === 0) return new Float32Array(0);
    const batches = new ort.Tensor('int32', rows, [steps, batchSize]);
    const { losses } = await this.loop.run(learningRates, firstStep, { ...this.resident, rows: batches });
    return Float32Array.from(losses.data as Float32Array);
  }

  logits(data: EncodedData): Promise<Float32Array> {
    return this.forward.logits(this.loop.servedParameters, data);
  }

  getState(): Promise<EngineState> {
    return Promise.resolve(this.loop.getState());
  }

  async setState(state: EngineState): Promise<void> {
    this.loop.setState(state);
  }

  async dispose(): Promise<void> {
    await this.loop.dispose();
    await this.forward.dispose();
  }
}

function residentRows(network: Network, data: EncodedData): Record<string, ort.Tensor> {
  const { layout } = network;
  if (isPacked(layout)) {
    return { packed: new ort.Tensor('float32', packRows(layout, data), [data.rows, packedWidth(layout)]) };
  }
  return { ...matrices(network, data, 0, data.rows), target: new ort.Tensor('float32', data.target, [data.rows]) };
}

import type ort from 'onnxruntime-node';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { networkOf } from '../../models/build-network.js';
import type { Network } from '../../models/network.js';
import type { EncodedData, EngineSession, NetworkPlan, StepPlan, TrainingEngine } from '../engine.js';
import { channelBlock } from './channel-block.js';
import { checkData } from './check-data.js';
import { createSession } from './create-session.js';
import { missingCuda } from './cuda.js';
import { ForwardPass } from './forward-pass.js';
import { compileLanes, type LaneParts, openLaneSession } from './lanes/lane-session.js';
import { usefulLanes } from './lanes/useful-lanes.js';
import { buildForwardGraph, buildTrainingGraph } from './training-graph.js';
import type { ChoiceOfTwo } from './ways/faster-of-two.js';
import { TwoWaySession, type Ways } from './ways/two-way-session.js';
import { type ResidentRows, residentRows, WholeLoop } from './whole-loop.js';

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

/**
 * As the engine's `open`, for a network that no family of the pipeline describes.
 *
 * @param choose between two ways of making the steps, where there are two
 * @throws AnnealError as `open` does
 */
export function openCompiled(network: Network, plan: NetworkPlan, data: EncodedData, choose?: () => ChoiceOfTwo): Promise<EngineSession> {
  const on = { device: processor, threads: plan.threads, choose };
  return openNetwork(network, plan, data, on, () => compileNetwork(network, plan, processor));
}

interface OpenedOn {
  readonly device: Device;
  readonly threads: number;
  readonly choose?: () => ChoiceOfTwo;
}

async function openNetwork(
  network: Network,
  plan: NetworkPlan,
  data: EncodedData,
  { device, threads, choose }: OpenedOn,
  compile: () => Promise<CompiledStep>,
): Promise<EngineSession> {
  checkData(plan.task, network, data);
  const { executionProviders } = device;
  const forward = new ForwardPass(network, async () =>
    createSession(buildForwardGraph(network, await blockFor(network, device)), plan.threads, executionProviders),
  );
  const step = await compile();
  if (!(step instanceof Uint8Array)) return openLaneSession(network, plan, data, { ...step, threads }, forward, choose);
  return new TwoWaySession(network, plan, data, await waysOfWhole(network, plan, step, device, threads), forward, choose);
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

/**
 * Parameters times rows of a mini-batch that stays whole. Below `least`, a kernel is over before another thread has helped. From `most`
 * on, several threads that sleep between kernels are faster than one; measured on two cores.
 */
const sharedWork = { least: 1_000_000, most: 10_000_000 };
/** A second session holds the state once more, and kernels on more parameters take longer than a thread takes to wake. */
const mostParametersTwice = 1_000_000;

/** @param threads that may compute at a time */
async function waysOfWhole(
  network: Network,
  plan: NetworkPlan,
  graph: Uint8Array,
  { engine, executionProviders }: Device,
  threads: number,
): Promise<Ways<ResidentRows>> {
  const { parameterCount, layout } = network;
  const work = parameterCount * plan.batchSize;
  // A filter is used at every place of an image. Here the number of threads is the plan's, since sums of images can depend on it.
  const isLarge = layout.image !== undefined || work >= sharedWork.most;
  const first = isLarge ? plan.threads : 1;
  const shared = isLarge ? first : threads;
  const open = async (count: number, waiting: 'asleep' | 'awake') =>
    new WholeLoop(network, plan, await createSession(graph, count, executionProviders, waiting));
  const isWorthTrying =
    engine === 'onnxruntime' && shared > 1 && parameterCount <= mostParametersTwice && (isLarge || work >= sharedWork.least);
  return {
    rowsOf: (data) => residentRows(network, data),
    first: await open(first, 'asleep'),
    threads: first,
    ...(isWorthTrying ? { shared: { threads: shared, open: () => open(shared, 'awake'), mustBeCompared: true } } : {}),
  };
}

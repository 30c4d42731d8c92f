import { GraphBuilder } from '../../../graph/onnx-builder.js';
import type { Network } from '../../../models/network.js';
import type { NetworkPlan } from '../../engine.js';
import { type StateName, stateVectors } from '../../checkpoint/engine-state.js';
import { stepScalarCount } from '../../optimizer/optimizer.js';
import { batchSlices } from '../batch-slices.js';
import { lowerParameters } from '../lower-parameters.js';
import { lowerAugmentation, lowerSum, lowerUpdate } from '../sliced-step.js';
import { declareRows, lowerRows } from '../training-graph.js';
import { randomStreams } from '../training-step.js';

/** A training step that several threads share. */
export interface LaneGraphs {
  readonly lanes: number;
  /**
   * Adds up the gradient of a lane's rows.
   *
   * Inputs: the rows as `declareRows` writes them, `parameters` [P], and where the step draws random numbers `randomKeys` int32 [2S] and
   * `firstRow` int32 [], the place of the lane's first row in the mini-batch. Outputs: `gradient` float32 [P], `total` and `weight` [],
   * as `SummedGradient`.
   */
  readonly gradient: Uint8Array;
  /** Whether a lane is given all rows of the mini-batch, since they are mixed with each other; else its own alone. */
  readonly readsAll: boolean;
  /** One for each lane, or one alone where every number of the update hangs on the whole gradient; equal ones are the same object. */
  readonly updates: readonly UpdateGraph[];
}

/** The update of a part of the vectors that the lanes' sums ask for; the parts lie one behind the other. */
export interface UpdateGraph {
  /**
   * Inputs: `gradientName(lane)` float32 [size], the part of every lane's, `weights` [lanes], `scalars` [`stepScalarCount`], and the
   * part of the vectors of `stateVectors`.
   */
  readonly graph: Uint8Array;
  /** Numbers of the part. */
  readonly size: number;
  /** Names of the outputs: the part of the vectors after the step. */
  readonly outputs: Readonly<Record<StateName, string>>;
}

/** In the order of the lanes: the bits of a sum depend on it. */
export function addGradients(graph: GraphBuilder, gradients: readonly string[]): string {
  return gradients.reduce((left, right) => graph.node('Add', [left, right]));
}

export function gradientName(lane: number): string {
  return `gradient_${lane}`;
}

/**
 * @param lanes at least 2, divides the mini-batch; the network gathers no statistics
 * @param channelBlock as in `LowerOptions`; the graphs then run on this kind of machine alone
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export function buildLaneGraphs(network: Network, plan: NetworkPlan, lanes: number, channelBlock?: number): LaneGraphs {
  return {
    lanes,
    gradient: buildGradientGraph(network, plan, plan.batchSize / lanes, channelBlock),
    readsAll: plan.augmentation !== undefined,
    updates: buildUpdateGraphs(network, plan, lanes),
  };
}

function buildGradientGraph(network: Network, plan: NetworkPlan, count: number, channelBlock?: number): Uint8Array {
  const { layout, parameterCount } = network;
  const rows = plan.augmentation ? plan.batchSize : count;
  const streams = randomStreams(network, plan);
  const graph = new GraphBuilder('gradient');
  declareRows(graph, layout, [rows]);
  const drawn: { keys?: string; firstRow?: string } =
    streams > 0 ? { keys: graph.input('randomKeys', 'int32', [2 * streams]), firstRow: graph.input('firstRow', 'int32', []) } : {};
  const parameters = lowerParameters(graph, network, graph.input('parameters', 'float32', [parameterCount]));
  const read = { ...lowerRows(graph, layout, rows, (name) => name), ...(drawn.keys === undefined ? {} : { randomKeys: drawn.keys }) };
  const source = { ...lowerAugmentation(graph, network, plan, read, rows), parameters, keys: drawn.keys };
  const cut = { count, slices: batchSlices(network, count), firstRow: drawn.firstRow };
  const sums = lowerSum(graph, network, plan, source, cut, channelBlock);
  for (const [name, shape] of [
    ['gradient', [parameterCount]],
    ['total', []],
    ['weight', []],
  ] as const) {
    graph.node('Identity', [sums[name]], {}, name);
    graph.output(name, 'float32', shape);
  }
  return graph.encode();
}

function buildUpdateGraphs(network: Network, plan: NetworkPlan, lanes: number): UpdateGraph[] {
  const { parameterCount } = network;
  // The length of a gradient is that of the whole.
  const size = plan.optimizer.clipNorm === undefined ? Math.ceil(parameterCount / lanes) : parameterCount;
  const known = new Map<string, UpdateGraph>();
  return Array.from({ length: Math.ceil(parameterCount / size) }, (_, i) => {
    const update = buildUpdateGraph(partOfNetwork(network, i * size, Math.min((i + 1) * size, parameterCount)), plan, lanes);
    const key = Buffer.from(update.graph).toString('base64');
    if (!known.has(key)) known.set(key, update);
    return known.get(key)!;
  });
}

/** A network as the optimizer sees it, of the numbers `from … until − 1` alone. */
function partOfNetwork(network: Network, from: number, until: number): Network {
  const parameters = network.parameters.flatMap((parameter) => {
    const [first, end] = [Math.max(parameter.offset, from), Math.min(parameter.offset + parameter.size, until)];
    return first < end ? [{ ...parameter, offset: first - from, size: end - first }] : [];
  });
  return { ...network, parameters, parameterCount: until - from, trainedCount: until - from };
}

function buildUpdateGraph(part: Network, plan: NetworkPlan, lanes: number): UpdateGraph {
  const vectors = stateVectors(plan.optimizer, part);
  const size = part.parameterCount;
  const graph = new GraphBuilder('update');
  const gradients = Array.from({ length: lanes }, (_, lane) => graph.input(gradientName(lane), 'float32', [size]));
  const weight = graph.node('ReduceSum', [graph.input('weights', 'float32', [lanes])], { keepdims: 0 }); // []
  graph.input('scalars', 'float32', [stepScalarCount(plan.optimizer)]);
  for (const { name } of vectors) graph.input(name, 'float32', [size]);
  const { loss: _, ...outputs } = lowerUpdate(graph, part, plan, {
    ...Object.fromEntries(vectors.map(({ name }) => [name, name])),
    scalars: 'scalars',
    gradient: addGradients(graph, gradients), // [size]
    // Whoever has the totals makes the loss.
    total: weight,
    weight,
  });
  // Names of their own would cost a copy of each vector that is also used inside.
  for (const { name } of vectors) graph.output(outputs[name], 'float32', [size]);
  return { graph: graph.encode(), size, outputs };
}

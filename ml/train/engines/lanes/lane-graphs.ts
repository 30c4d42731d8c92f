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
  readonly update: UpdateGraph;
}

/** The update that the lanes' sums ask for. */
export interface UpdateGraph {
  /**
   * Inputs: `gradientName(lane)` float32 [P] of every lane, `totals` and `weights` [lanes], `scalars` [`stepScalarCount`], and the
   * vectors of `stateVectors`.
   */
  readonly graph: Uint8Array;
  /** Names of the outputs: the vectors after the step, and its loss []. */
  readonly outputs: Readonly<Record<StateName | 'loss', string>>;
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
    update: buildUpdateGraph(network, plan, lanes),
  };
}

function buildGradientGraph(network: Network, plan: NetworkPlan, count: number, channelBlock?: number): Uint8Array {
  const { layout, parameterCount } = network;
  const rows = plan.augmentation ? plan.batchSize : count;
  const streams = randomStreams(network, plan);
  const graph = new GraphBuilder('gradient');
  declareRows(graph, layout, rows);
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

function buildUpdateGraph(network: Network, plan: NetworkPlan, lanes: number): UpdateGraph {
  const vectors = stateVectors(plan.optimizer, network);
  const graph = new GraphBuilder('update');
  const gradients = Array.from({ length: lanes }, (_, lane) => graph.input(gradientName(lane), 'float32', [network.parameterCount]));
  const sumOf = (name: string) => graph.node('ReduceSum', [graph.input(name, 'float32', [lanes])], { keepdims: 0 }); // []
  const [total, weight] = [sumOf('totals'), sumOf('weights')];
  graph.input('scalars', 'float32', [stepScalarCount(plan.optimizer)]);
  for (const { name, size } of vectors) graph.input(name, 'float32', [size]);
  const made = lowerUpdate(graph, network, plan, {
    ...Object.fromEntries(vectors.map(({ name }) => [name, name])),
    scalars: 'scalars',
    gradient: gradients.reduce((left, right) => graph.node('Add', [left, right])), // [P]
    total,
    weight,
  });
  // Names of their own would cost a copy of each vector that is also used inside.
  for (const { name, size } of vectors) graph.output(made[name], 'float32', [size]);
  graph.output(made.loss, 'float32', []);
  return { graph: graph.encode(), outputs: made };
}

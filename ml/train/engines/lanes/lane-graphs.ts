import { GraphBuilder } from '../../../graph/onnx-builder.js';
import type { Network } from '../../../models/network.js';
import type { NetworkPlan } from '../../engine.js';
import { stateVectors } from '../../engine-state.js';
import { stepScalarCount } from '../../optimizer.js';
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
  /**
   * The update that the lanes' sums ask for; the same in every lane.
   *
   * Inputs: `sums` float32 [lanes, P + 2], of each lane `gradient`, `total` and `weight`; `scalars` float32 [`stepScalarCount`], and
   * the vectors of `stateVectors`. Outputs: `<state>_next`, and `loss` float32 [].
   */
  readonly update: Uint8Array;
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

function buildUpdateGraph(network: Network, plan: NetworkPlan, lanes: number): Uint8Array {
  const vectors = stateVectors(plan.optimizer, network);
  const { parameterCount } = network;
  const graph = new GraphBuilder('update');
  graph.input('sums', 'float32', [lanes, parameterCount + 2]);
  graph.input('scalars', 'float32', [stepScalarCount(plan.optimizer)]);
  for (const { name, size } of vectors) graph.input(name, 'float32', [size]);
  const parts = Array.from({ length: lanes }, () => graph.unique('lane'));
  graph.nodeWithOutputs(
    'Split',
    [
      'sums',
      graph.constant(
        'int64',
        parts.map(() => 1),
      ),
    ],
    parts,
    { axis: 0 },
  );
  const sum = parts.reduce((left, right) => graph.node('Add', [left, right])); // [1, P + 2]
  const [gradient, total, weight] = ['gradient', 'total', 'weight'].map((hint) => graph.unique(hint));
  const flat = graph.node('Reshape', [sum, graph.constant('int64', [parameterCount + 2])]);
  graph.nodeWithOutputs('Split', [flat, graph.constant('int64', [parameterCount, 1, 1])], [gradient, total, weight], { axis: 0 });
  const scalar = (name: string) => graph.node('Reshape', [name, graph.constant('int64', [], [0])]); // []
  const made = lowerUpdate(graph, network, plan, {
    ...Object.fromEntries(vectors.map(({ name }) => [name, name])),
    scalars: 'scalars',
    gradient,
    total: scalar(total),
    weight: scalar(weight),
  });
  for (const { name, size } of vectors) {
    graph.node('Identity', [made[name]], {}, `${name}_next`);
    graph.output(`${name}_next`, 'float32', [size]);
  }
  graph.node('Identity', [made.loss], {}, 'loss');
  graph.output('loss', 'float32', []);
  return graph.encode();
}

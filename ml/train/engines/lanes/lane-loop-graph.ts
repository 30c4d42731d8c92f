import { elementTypes, GraphBuilder } from '../../../graph/onnx-builder.js';
import type { Network } from '../../../models/network.js';
import { stateVectors } from '../../checkpoint/engine-state.js';
import type { NetworkPlan } from '../../engine.js';
import { stepScalarCount } from '../../optimizer/optimizer.js';
import { batchSlices } from '../batch-slices.js';
import { lowerParameters } from '../lower-parameters.js';
import { lowerAugmentation, lowerSum, lowerUpdate } from '../sliced-step.js';
import { declareRows, lowerRows } from '../training-graph.js';
import { randomStreams } from '../training-step.js';
import { addGradients } from './lane-graphs.js';

/**
 * Training steps in lanes as one ONNX graph for one thread: a `Loop` over steps, and in it one over the lanes. It computes what the
 * graphs of `buildLaneGraphs` compute together, to the bit.
 *
 * Inputs: `steps` int64 [], `scalars` float32 [K, `stepScalarCount`], `randomKeys` int32 [K, 2S] where the step draws random numbers, the
 * vectors of `stateVectors`, which the loop carries, and the mini-batches one behind the other as `declareRows` writes them. Outputs:
 * `<state>_next`, and float32 [K, lanes] `totals` and `weights`, as `lossOfLanes` takes them.
 *
 * @param lanes as of `buildLaneGraphs`
 * @param channelBlock as in `LowerOptions`; the graph then runs on this kind of machine alone
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export function buildLaneLoop(network: Network, plan: NetworkPlan, lanes: number, channelBlock?: number): Uint8Array {
  const { batchSize } = plan;
  const { layout } = network;
  const streams = randomStreams(network, plan);
  const vectors = stateVectors(plan.optimizer, network);
  const graph = new GraphBuilder('lanes');
  graph.input('steps', 'int64', []);
  graph.input('scalars', 'float32', ['K', stepScalarCount(plan.optimizer)]);
  if (streams > 0) graph.input('randomKeys', 'int32', ['K', 2 * streams]);
  declareRows(graph, layout, ['K', batchSize]);
  for (const { name, size } of vectors) graph.input(name, 'float32', [size]);

  const body = graph.subgraph('step');
  body.input('step', 'int64', []);
  body.input('continue', 'bool', []);
  for (const { name, size } of vectors) body.input(`carried_${name}`, 'float32', [size]);
  const ofStep = (name: string) => body.node('Gather', [name, 'step'], { axis: 0 });
  const read: Record<string, string> = {
    ...lowerRows(body, layout, batchSize, ofStep),
    ...(streams > 0 ? { randomKeys: ofStep('randomKeys') } : {}),
    ...Object.fromEntries(vectors.map(({ name }) => [name, `carried_${name}`])),
  };
  const sums = lowerLanes(body, network, plan, read, lanes, channelBlock);
  const weight = body.node('ReduceSum', [sums.weights], { keepdims: 0 }); // []
  const gradients = Array.from({ length: lanes }, (_, lane) => body.node('Gather', [sums.gradients, body.scalar('int64', lane)])); // [P]
  const { loss: _, ...made } = lowerUpdate(body, network, plan, {
    ...read,
    scalars: ofStep('scalars'),
    gradient: addGradients(body, gradients),
    // The caller makes the loss.
    total: weight,
    weight,
  });
  body.output(body.node('Identity', ['continue']), 'bool', []);
  for (const { name, size } of vectors) body.output(made[name], 'float32', [size]);
  for (const name of ['totals', 'weights'] as const) body.output(sums[name], 'float32', [lanes]);

  const names = vectors.map(({ name }) => name);
  graph.nodeWithOutputs('Loop', ['steps', '', ...names], [...names.map((name) => `${name}_next`), 'totals', 'weights'], { body });
  for (const { name, size } of vectors) graph.output(`${name}_next`, 'float32', [size]);
  for (const name of ['totals', 'weights']) graph.output(name, 'float32', ['K', lanes]);
  return graph.encode();
}

/** @returns names of `gradients` [lanes, P], `totals` and `weights` [lanes] */
function lowerLanes(
  step: GraphBuilder,
  network: Network,
  plan: NetworkPlan,
  read: Readonly<Record<string, string>>,
  lanes: number,
  channelBlock?: number,
): Readonly<Record<'gradients' | 'totals' | 'weights', string>> {
  const count = plan.batchSize / lanes;
  const source = {
    ...lowerAugmentation(step, network, plan, read, plan.batchSize),
    parameters: lowerParameters(step, network, read.parameters),
    keys: read.randomKeys as string | undefined,
  };
  const body = step.subgraph('lane');
  body.input('lane', 'int64', []);
  body.input('lanesLeft', 'bool', []);
  const firstRow = body.node('Cast', [body.node('Mul', ['lane', body.scalar('int64', count)])], { to: elementTypes.int32 });
  const sums = lowerSum(body, network, plan, source, { count, slices: batchSlices(network, count), firstRow }, channelBlock);
  body.output(body.node('Identity', ['lanesLeft']), 'bool', []);
  body.output(sums.gradient, 'float32', [network.parameterCount]);
  body.output(sums.total, 'float32', []);
  body.output(sums.weight, 'float32', []);
  step.takeInvariants(body);
  const [gradients, totals, weights] = ['gradients', 'totals', 'weights'].map((name) => step.unique(name));
  step.nodeWithOutputs('Loop', [step.scalar('int64', lanes), ''], [gradients, totals, weights], { body });
  return { gradients, totals, weights };
}

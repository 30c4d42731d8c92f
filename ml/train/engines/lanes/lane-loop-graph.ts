import { elementTypes, type GraphBuilder } from '../../../graph/onnx-builder.js';
import type { Network } from '../../../models/network.js';
import type { NetworkPlan } from '../../engine.js';
import { batchSlices } from '../batch-slices.js';
import { lowerParameters } from '../lower-parameters.js';
import { lowerAugmentation, lowerSum, lowerUpdate } from '../sliced-step.js';
import { buildStepLoop } from '../training-graph.js';
import { addGradients } from './lane-graphs.js';

/**
 * Training steps in lanes as one ONNX graph for one thread: in the loop over steps one over the lanes. It computes what the graphs of
 * `buildLaneGraphs` compute together, to the bit.
 *
 * As `buildStepLoop` says, on gathered rows. It collects float32 [K, lanes] `totals` and `weights`, as `lossOfLanes` takes them.
 *
 * @param lanes as of `buildLaneGraphs`
 * @param channelBlock as in `LowerOptions`; the graph then runs on this kind of machine alone
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export function buildLaneLoop(network: Network, plan: NetworkPlan, lanes: number, channelBlock?: number): Uint8Array {
  return buildStepLoop(network, plan, 'gathered', (body, read) => {
    const sums = lowerLanes(body, network, plan, read, lanes, channelBlock);
    const gradients = Array.from({ length: lanes }, (_, lane) => body.node('Gather', [sums.gradients, body.scalar('int64', lane)])); // [P]
    const weight = body.node('ReduceSum', [sums.weights], { keepdims: 0 }); // []
    // The caller makes the loss.
    const summed = { gradient: addGradients(body, gradients), total: weight, weight };
    const { loss: _, ...state } = lowerUpdate(body, network, plan, { ...read, ...summed });
    const collected = { totals: { name: sums.totals, shape: [lanes] }, weights: { name: sums.weights, shape: [lanes] } };
    return { state, collected };
  });
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

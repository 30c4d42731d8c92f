import type * as tf from '@tensorflow/tfjs-core';
import { imageSize } from '../../../contracts/image-input.js';
import { lowerForward } from '../../graph/lower-network.js';
import { lowerPixels } from '../../graph/lower-pixels.js';
import { lowerTape } from '../../graph/lowering/lower-tape.js';
import { type Dimension, elementTypes, GraphBuilder } from '../../graph/onnx-builder.js';
import { type Tape, recordTape } from '../../graph/tape.js';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { Network } from '../../models/network.js';
import type { NetworkPlan } from '../engine.js';
import { stateOf, type StateName, stateVectors } from '../checkpoint/engine-state.js';
import { stepScalarCount } from '../optimizer/optimizer.js';
import { batchSlices } from './batch-slices.js';
import { lowerParameters } from './lower-parameters.js';
import { isPacked, packedWidth } from './packed-rows.js';
import { lowerSlicedStep } from './sliced-step.js';
import { batchInputs, batchOf, keyInputs, stateInputs } from './step-inputs.js';
import { randomStreams, trainingStep } from './training-step.js';

/**
 * Many training steps as one ONNX graph, as `buildStepLoop` says, on resident rows. It collects `losses` float32 [K].
 *
 * @param channelBlock as in `LowerOptions`; the graph then runs on this kind of machine alone
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export function buildTrainingGraph(network: Network, plan: NetworkPlan, channelBlock?: number): Uint8Array {
  const slices = batchSlices(network, plan.batchSize);
  return buildStepLoop(network, plan, 'resident', (body, read) => {
    const { loss, ...state } =
      slices === 1
        ? lowerTape<StateName | 'loss'>(body, recordStep(network, plan), read, { channelBlock })
        : lowerSlicedStep(body, network, plan, read, slices, channelBlock);
    return { state, collected: { losses: { name: loss, shape: [] } } };
  });
}

/** What the body of a loop over steps computes, by name. */
export interface LoweredStep {
  /** Names of the vectors after the step. */
  readonly state: Readonly<Record<StateName, string>>;
  /** Names and shapes of what is collected over the steps, into outputs [K, …] of the same keys. */
  readonly collected: Readonly<Record<string, { readonly name: string; readonly shape: readonly number[] }>>;
}

/**
 * A graph with a `Loop` over training steps that carries the vectors of `stateVectors`.
 *
 * Inputs: `steps` int64 [], `scalars` float32 [K, `stepScalarCount`], `randomKeys` int32 [K, 2S] where the step draws random numbers, the
 * vectors, and rows as `declareRows` writes them. Outputs: `<state>_next` of each vector, and what is collected, float32.
 *
 * @param rows `resident`: all N, of which each step gathers its own by `rows` int32 [K, B]; `gathered`: [K, B], those of the steps
 * @param lowerStep writes the body; `read` names the mini-batch, `scalars`, `randomKeys`, and the vectors
 */
export function buildStepLoop(
  network: Network,
  plan: NetworkPlan,
  rows: 'resident' | 'gathered',
  lowerStep: (body: GraphBuilder, read: Readonly<Record<string, string>>) => LoweredStep,
): Uint8Array {
  const { batchSize } = plan;
  const { layout } = network;
  const streams = randomStreams(network, plan);
  const vectors = stateVectors(plan.optimizer, network);
  const graph = new GraphBuilder('train');
  graph.input('steps', 'int64', []);
  if (rows === 'resident') graph.input('rows', 'int32', ['K', batchSize]);
  graph.input('scalars', 'float32', ['K', stepScalarCount(plan.optimizer)]);
  if (streams > 0) graph.input('randomKeys', 'int32', ['K', 2 * streams]);
  declareRows(graph, layout, rows === 'resident' ? ['N'] : ['K', batchSize]);
  for (const { name, size } of vectors) graph.input(name, 'float32', [size]);

  const body = graph.subgraph('step');
  body.input('step', 'int64', []);
  body.input('continue', 'bool', []);
  for (const { name, size } of vectors) body.input(`carried_${name}`, 'float32', [size]);
  const gather = (name: string, at: string): string => body.node('Gather', [name, at], { axis: 0 });
  const place = rows === 'resident' ? gather('rows', 'step') : 'step';
  const { state, collected } = lowerStep(body, {
    ...lowerRows(body, layout, batchSize, (name) => gather(name, place)),
    scalars: gather('scalars', 'step'),
    ...(streams > 0 ? { randomKeys: gather('randomKeys', 'step') } : {}),
    ...Object.fromEntries(vectors.map(({ name }) => [name, `carried_${name}`])),
  });
  body.output(body.node('Identity', ['continue']), 'bool', []);
  for (const { name, size } of vectors) body.output(state[name], 'float32', [size]);
  for (const { name, shape } of Object.values(collected)) body.output(name, 'float32', shape);

  const names = vectors.map(({ name }) => name);
  const outputs = [...names.map((name) => `${name}_next`), ...Object.keys(collected)];
  graph.nodeWithOutputs('Loop', ['steps', '', ...names], outputs, { body });
  for (const { name, size } of vectors) graph.output(`${name}_next`, 'float32', [size]);
  for (const [name, { shape }] of Object.entries(collected)) graph.output(name, 'float32', ['K', ...shape]);
  return graph.encode();
}

/**
 * Declare what a step reads of rows: `packed` float32 [rows, C + F + 1] where `isPacked`; else `categorical` int32 [rows, C] and
 * `numeric` float32 [rows, F] where the layout has such columns, `image` uint8 [rows, height · width · channels] where it has one, and
 * `target` float32 [rows].
 *
 * @param rows one dimension of rows, or several
 */
export function declareRows(graph: GraphBuilder, layout: FeatureLayout, rows: readonly Dimension[]): void {
  const [indices, numbers] = [layout.categorical.length, layout.numeric.length];
  if (isPacked(layout)) {
    graph.input('packed', 'float32', [...rows, packedWidth(layout)]);
    return;
  }
  if (indices > 0) graph.input('categorical', 'int32', [...rows, indices]);
  if (numbers > 0) graph.input('numeric', 'float32', [...rows, numbers]);
  if (layout.image) graph.input('image', 'uint8', [...rows, imageSize(layout.image)]);
  graph.input('target', 'float32', rows);
}

/**
 * @param rows of the mini-batch
 * @param take the mini-batch's rows of a matrix that `declareRows` wrote, by its name
 * @returns names of a mini-batch's matrices and target
 */
export function lowerRows(
  builder: GraphBuilder,
  layout: FeatureLayout,
  rows: number,
  take: (name: string) => string,
): Record<string, string> {
  const [indices, numbers] = [layout.categorical.length, layout.numeric.length];
  if (isPacked(layout)) {
    const widths = [indices, ...(numbers > 0 ? [numbers] : []), 1];
    const parts = widths.map(() => builder.unique('Split'));
    builder.nodeWithOutputs('Split', [take('packed'), builder.constant('int64', widths)], parts, { axis: 1 });
    return {
      categorical: builder.node('Cast', [parts[0]], { to: elementTypes.int32 }), // int32 [B, C]
      ...(numbers > 0 ? { numeric: parts[1] } : {}), // [B, F]
      target: builder.node('Reshape', [parts.at(-1)!, builder.constant('int64', [rows])]), // [B]
    };
  }
  return {
    ...(indices > 0 ? { categorical: take('categorical') } : {}),
    ...(numbers > 0 ? { numeric: take('numeric') } : {}),
    target: take('target'),
    ...(layout.image ? { image: lowerPixels(builder, take('image'), rows, layout.image) } : {}),
  };
}

function recordStep(network: Network, plan: NetworkPlan): Tape {
  const vectors = stateVectors(plan.optimizer, network);
  const inputs = { ...stateInputs(network, plan), ...batchInputs(network.layout, plan.batchSize), ...keyInputs(network, plan) };
  return recordTape(inputs, (tensors) => {
    const state = stateOf(vectors, ({ name }) => tensors[name] as tf.Tensor1D);
    const keys = tensors.randomKeys as tf.Tensor1D | undefined;
    return { ...trainingStep(network, plan, state, batchOf(tensors), tensors.scalars as tf.Tensor1D, keys) };
  });
}

/**
 * The forward pass with the parameters as an input: `parameters` [P], `categorical`, `numeric`, `image` → `logits` float32 [N, outputs].
 *
 * @param channelBlock as in `LowerOptions`; the graph then runs on this kind of machine alone
 * @throws AnnealError `InvalidModel` when the model uses a kernel without a translation
 */
export function buildForwardGraph(network: Network, channelBlock?: number): Uint8Array {
  const { layout, outputs, parameterCount } = network;
  const graph = new GraphBuilder('forward');
  graph.input('parameters', 'float32', [parameterCount]);
  const inputs = {
    categorical: layout.categorical.length > 0 ? graph.input('categorical', 'int32', ['N', layout.categorical.length]) : undefined,
    numeric: layout.numeric.length > 0 ? graph.input('numeric', 'float32', ['N', layout.numeric.length]) : undefined,
    image: layout.image && lowerPixels(graph, graph.input('image', 'uint8', ['N', imageSize(layout.image)]), -1, layout.image),
  };
  const tensors = lowerParameters(graph, network, 'parameters');
  graph.node('Identity', [lowerForward(graph, network, inputs, tensors, channelBlock)], {}, 'logits');
  graph.output('logits', 'float32', ['N', outputs]);
  return graph.encode();
}

import type * as tf from '@tensorflow/tfjs-core';
import { lowerTape } from '../../graph/lowering/lower-tape.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { type Tape, type TapeInput, recordTape } from '../../graph/tape.js';
import type { Network } from '../../models/network.js';
import { augmentBatch } from '../augmentation/augment-batch.js';
import type { NetworkPlan } from '../engine.js';
import { type StateName, stateOf, stateVectors } from '../engine-state.js';
import { lowerParameters } from './lower-parameters.js';
import { batchInputs, batchOf, keyInputs, stateInputs } from './step-inputs.js';
import { gradientOfSlice, updateOfSum } from './training-step.js';

/** Names of values. */
type Names = Readonly<Record<string, string>>;
type Rows = Readonly<Record<string, TapeInput>>;
type SumName = 'gradient' | 'total' | 'weight';

/**
 * A training step whose mini-batch goes through the network in slices, small enough for what a layer makes to be still in the cache
 * when the next one reads it: an inner `Loop` sums the slices' gradients up, and one update follows. Rows are augmented before they are
 * cut, since mixing takes them in pairs.
 *
 * @param body of the loop over steps
 * @param read the carried vectors, the batch, `scalars` and `randomKeys` by name
 * @param slices at least 2, divides the mini-batch; the network gathers no statistics
 * @param channelBlock as in `LowerOptions`
 */
export function lowerSlicedStep(
  body: GraphBuilder,
  network: Network,
  plan: NetworkPlan,
  read: Names,
  slices: number,
  channelBlock?: number,
): Record<StateName | 'loss', string> {
  const [batch, rows] = augmented(body, network, plan, read);
  const parameters = lowerParameters(body, network, read.parameters);
  const sums = sumOverSlices(body, network, plan, { batch, rows, parameters, keys: read.randomKeys }, slices, channelBlock);
  return lowerTape<StateName | 'loss'>(body, recordUpdate(network, plan), { ...read, ...sums });
}

/** @returns names of the batch's matrices, and what each is */
function augmented(body: GraphBuilder, network: Network, plan: NetworkPlan, read: Names): [Names, Rows] {
  const rows = batchInputs(network.layout, plan.batchSize);
  const { augmentation } = plan;
  if (!augmentation) return [read, rows];
  const tape = recordTape({ ...rows, ...keyInputs(network, plan) }, (tensors) => {
    const { mixed, ...made } = augmentBatch(augmentation, batchOf(tensors), tensors.randomKeys as tf.Tensor1D, network.dropoutLayers);
    const present = Object.entries({ ...made, ...mixed }).filter(([, tensor]) => tensor !== undefined);
    return Object.fromEntries(present) as Record<string, tf.Tensor>;
  });
  const types = Object.entries(tape.outputs).map(([name, id]) => [name, tape.values[id]] as const);
  return [lowerTape(body, tape, read), Object.fromEntries(types)];
}

interface SliceSource {
  readonly batch: Names;
  readonly rows: Rows;
  readonly parameters: readonly string[];
  readonly keys?: string;
}

function sumOverSlices(
  body: GraphBuilder,
  network: Network,
  plan: NetworkPlan,
  source: SliceSource,
  slices: number,
  channelBlock?: number,
): Record<SumName, string> {
  const sizes: readonly [SumName, readonly number[]][] = [
    ['gradient', [network.parameterCount]],
    ['total', []],
    ['weight', []],
  ];
  const count = plan.batchSize / slices;
  const slice = body.subgraph('slice');
  slice.input('slice', 'int64', []);
  slice.input('goesOn', 'bool', []);
  for (const [name, shape] of sizes) slice.input(`summed_${name}`, 'float32', shape);
  const parts = Object.entries(source.rows).map(([name, { shape }]) => {
    const cut = body.node('Reshape', [source.batch[name], body.constant('int64', [slices, count, ...shape.slice(1)])]);
    return [name, slice.node('Gather', [cut, 'slice'], { axis: 0 })]; // [count, …]
  });
  const firstRow = slice.node('Cast', [slice.node('Mul', ['slice', slice.scalar('int64', count)])], { to: elementTypes.int32 });
  const read: Names = {
    ...(Object.fromEntries(parts) as Names),
    ...Object.fromEntries(source.parameters.map((name, i) => [`parameter_${i}`, name])),
    ...(source.keys === undefined ? {} : { randomKeys: source.keys, firstRow }),
  };
  const made = lowerTape<SumName>(slice, recordSlice(network, plan, source.rows, count), read, { channelBlock });
  slice.output(slice.node('Identity', ['goesOn']), 'bool', []);
  for (const [name, shape] of sizes) slice.output(slice.node('Add', [`summed_${name}`, made[name]]), 'float32', shape);
  // Filters are put into the order of their convolutions once a step.
  body.takeInvariants(slice);

  const zeros = sizes.map(([, shape]) => body.node('ConstantOfShape', [body.constant('int64', shape)]));
  const sums = sizes.map(([name]) => body.unique(name));
  body.nodeWithOutputs('Loop', [body.scalar('int64', slices), '', ...zeros], sums, { body: slice });
  return Object.fromEntries(sizes.map(([name], i) => [name, sums[i]])) as Record<SumName, string>;
}

function recordSlice(network: Network, plan: NetworkPlan, rows: Rows, count: number): Tape {
  const keys = keyInputs(network, plan);
  const inputs: Record<string, TapeInput> = {
    ...Object.fromEntries(Object.entries(rows).map(([name, { shape, dtype }]) => [name, { shape: [count, ...shape.slice(1)], dtype }])),
    ...Object.fromEntries(network.parameters.map(({ shape }, i) => [`parameter_${i}`, { shape, dtype: 'float32' }])),
    ...keys,
    ...(keys.randomKeys ? { firstRow: { shape: [], dtype: 'int32' } } : {}),
  };
  return recordTape(inputs, (tensors) => {
    const parameters = network.parameters.map((_, i) => tensors[`parameter_${i}`]);
    const { randomKeys, firstRow } = tensors as Record<string, tf.Tensor | undefined>;
    return { ...gradientOfSlice(network, plan, parameters, batchOf(tensors), randomKeys as tf.Tensor1D | undefined, firstRow) };
  });
}

function recordUpdate(network: Network, plan: NetworkPlan): Tape {
  const vectors = stateVectors(plan.optimizer, network);
  const inputs: Record<string, TapeInput> = {
    ...stateInputs(network, plan),
    gradient: { shape: [network.parameterCount], dtype: 'float32' },
    total: { shape: [], dtype: 'float32' },
    weight: { shape: [], dtype: 'float32' },
  };
  return recordTape(inputs, (tensors) => {
    const state = stateOf(vectors, ({ name }) => tensors[name] as tf.Tensor1D);
    const { gradient, scalars } = tensors as Record<string, tf.Tensor1D>;
    const { total, weight } = tensors as Record<string, tf.Scalar>;
    return { ...updateOfSum(network, plan, state, { gradient, total, weight }, scalars) };
  });
}

import type * as tf from '@tensorflow/tfjs-core';
import { lowerTape } from '../../graph/lowering/lower-tape.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { type Tape, type TapeInput, recordTape } from '../../graph/tape.js';
import type { Network } from '../../models/network.js';
import { augmentBatch } from '../augmentation/augment-batch.js';
import type { NetworkPlan } from '../engine.js';
import { type StateName, stateOf, stateVectors } from '../checkpoint/engine-state.js';
import { lowerParameters } from './lower-parameters.js';
import { batchInputs, batchOf, keyInputs, stateInputs } from './step-inputs.js';
import { gradientOfSlice, updateOfSum } from './training-step.js';

/** Names of values. */
type Names = Readonly<Record<string, string>>;
type Types = Readonly<Record<string, TapeInput>>;
type SumName = 'gradient' | 'total' | 'weight';
export type Sums = Readonly<Record<SumName, string>>;

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
  const augmented = lowerAugmentation(body, network, plan, read, plan.batchSize);
  const source = { ...augmented, parameters: lowerParameters(body, network, read.parameters), keys: read.randomKeys };
  const sums = lowerSum(body, network, plan, source, { count: plan.batchSize, slices }, channelBlock);
  return lowerUpdate(body, network, plan, { ...read, ...sums });
}

interface Rows {
  /** Names of the matrices. */
  readonly batch: Names;
  /** What each is. */
  readonly types: Types;
}

/**
 * Change the rows of a mini-batch as the plan says.
 *
 * @param read the batch, and `randomKeys` where the step draws random numbers, by name
 * @param rows of the batch; all of the mini-batch where there is an augmentation
 */
export function lowerAugmentation(builder: GraphBuilder, network: Network, plan: NetworkPlan, read: Names, rows: number): Rows {
  const types = batchInputs(network.layout, rows);
  const { augmentation } = plan;
  if (!augmentation) return { batch: read, types };
  const tape = recordTape({ ...types, ...keyInputs(network, plan) }, (tensors) => {
    const { mixed, ...made } = augmentBatch(augmentation, batchOf(tensors), tensors.randomKeys as tf.Tensor1D, network.dropoutLayers);
    const present = Object.entries({ ...made, ...mixed }).filter(([, tensor]) => tensor !== undefined);
    return Object.fromEntries(present) as Record<string, tf.Tensor>;
  });
  const made = Object.entries(tape.outputs).map(([name, id]) => [name, tape.values[id]] as const);
  return { batch: lowerTape(builder, tape, read), types: Object.fromEntries(made) };
}

interface SliceSource extends Rows {
  readonly parameters: readonly string[];
  readonly keys?: string;
}

interface Cut {
  /** Rows that are to be added up. */
  readonly count: number;
  /** In how many parts, one after another, they go through the network; divides `count`. */
  readonly slices: number;
  /** Name of an int32 []: where they start in the mini-batch, whose random numbers they draw; absent: 0. */
  readonly firstRow?: string;
}

/**
 * Add up the gradient of some of a mini-batch's rows.
 *
 * @param source of the rows alone, or of the whole mini-batch
 * @returns names of `gradient` [P], `total` and `weight` []
 */
export function lowerSum(
  builder: GraphBuilder,
  network: Network,
  plan: NetworkPlan,
  source: SliceSource,
  cut: Cut,
  channelBlock?: number,
): Sums {
  const tape = recordSlice(network, plan, source.types, cut.count / cut.slices);
  const parameters = Object.fromEntries(source.parameters.map((name, i) => [`parameter_${i}`, name]));
  return cut.slices === 1
    ? lowerTape<SumName>(builder, tape, { ...parameters, ...wholeRows(builder, source, cut) }, { channelBlock })
    : sumOverSlices(builder, network, tape, { ...source, ...cut, named: parameters }, channelBlock);
}

function wholeRows(builder: GraphBuilder, { batch, types, keys }: SliceSource, { count, firstRow }: Cut): Names {
  const rows = Object.entries(types).map(([name, { shape }]) => {
    if (shape[0] === count) return [name, batch[name]];
    const from = builder.node('Reshape', [builder.node('Cast', [firstRow!], { to: elementTypes.int64 }), builder.constant('int64', [1])]);
    const until = builder.node('Add', [from, builder.constant('int64', [count])]);
    const part = builder.node('Slice', [batch[name], from, until, builder.constant('int64', [0])]);
    return [name, builder.node('Reshape', [part, builder.constant('int64', [count, ...shape.slice(1)])])];
  });
  const drawn: Names = keys === undefined ? {} : { randomKeys: keys, firstRow: firstRow ?? builder.scalar('int32', 0) };
  return { ...(Object.fromEntries(rows) as Names), ...drawn };
}

function sumOverSlices(
  builder: GraphBuilder,
  { parameterCount }: Network,
  tape: Tape,
  { batch, types, keys, count, slices, firstRow, named }: SliceSource & Cut & { readonly named: Names },
  channelBlock?: number,
): Sums {
  const rows = count / slices;
  const sizes: readonly [SumName, readonly number[]][] = [
    ['gradient', [parameterCount]],
    ['total', []],
    ['weight', []],
  ];
  const slice = builder.subgraph('slice');
  slice.input('slice', 'int64', []);
  slice.input('goesOn', 'bool', []);
  for (const [name, shape] of sizes) slice.input(`summed_${name}`, 'float32', shape);
  // int32 []: place of the slice's first row in the mini-batch
  const ahead = slice.node('Cast', [slice.node('Mul', ['slice', slice.scalar('int64', rows)])], { to: elementTypes.int32 });
  const row = firstRow === undefined ? ahead : slice.node('Add', [ahead, firstRow]);
  const place = () => slice.node('Div', [row, slice.scalar('int32', rows)]);
  const parts = Object.entries(types).map(([name, { shape }]) => {
    const all = builder.node('Reshape', [batch[name], builder.constant('int64', [shape[0] / rows, rows, ...shape.slice(1)])]);
    return [name, slice.node('Gather', [all, shape[0] === count ? 'slice' : place()], { axis: 0 })]; // [rows, …]
  });
  const drawn: Names = keys === undefined ? {} : { randomKeys: keys, firstRow: row };
  const made = lowerTape<SumName>(slice, tape, { ...named, ...(Object.fromEntries(parts) as Names), ...drawn }, { channelBlock });
  slice.output(slice.node('Identity', ['goesOn']), 'bool', []);
  for (const [name, shape] of sizes) slice.output(slice.node('Add', [`summed_${name}`, made[name]]), 'float32', shape);
  // Filters are put into the order of their convolutions once a step.
  builder.takeInvariants(slice);

  const zeros = sizes.map(([, shape]) => builder.node('ConstantOfShape', [builder.constant('int64', shape)]));
  const sums = sizes.map(([name]) => builder.unique(name));
  builder.nodeWithOutputs('Loop', [builder.scalar('int64', slices), '', ...zeros], sums, { body: slice });
  return Object.fromEntries(sizes.map(([name], i) => [name, sums[i]])) as Record<SumName, string>;
}

function recordSlice(network: Network, plan: NetworkPlan, types: Types, rows: number): Tape {
  const keys = keyInputs(network, plan);
  const inputs: Record<string, TapeInput> = {
    ...Object.fromEntries(Object.entries(types).map(([name, { shape, dtype }]) => [name, { shape: [rows, ...shape.slice(1)], dtype }])),
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

/** Make the update that the sums over a mini-batch ask for. @param read the carried vectors, `scalars`, and `Sums` by name */
export function lowerUpdate(
  builder: GraphBuilder,
  network: Network,
  plan: NetworkPlan,
  read: Names & Sums,
): Record<StateName | 'loss', string> {
  return lowerTape<StateName | 'loss'>(builder, recordUpdate(network, plan), read);
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

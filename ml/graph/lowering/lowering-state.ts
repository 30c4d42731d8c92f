import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { GraphBuilder } from '../onnx-builder.js';
import type { TapeCall, TapeValue } from '../tape.js';

/** What the lowerings of one tape share. */
export interface LoweringState {
  readonly builder: GraphBuilder;
  readonly values: readonly TapeValue[];
  /** ONNX names by value id. */
  readonly names: Map<number, string>;
  /** Names by a key of the lowering's choice, for what one kernel wants to know of an earlier one. */
  readonly notes: Map<string, string>;
  /** ONNX names by value id of what lies in memory channels first, as ONNX' convolutions want it; tfjs has channels last. */
  readonly channelsFirst: Map<number, string>;
  /** ONNX names by value id of what lies in memory in blocks of channels, as [N, C / block, H, W, block]. */
  readonly blocked: Map<number, string>;
  /** Channels of a block; 1 = the graph has none. */
  readonly channelBlock: number;
  /** Names of the tape's kernels. */
  readonly kernels: ReadonlySet<string>;
  /** The length that stands for a batch of any size; it divides no other length of the tape but its own multiples. */
  readonly dynamicBatch?: number;
  /** ONNX name of an input whose first length is the batch's. */
  readonly batchInput?: string;
}

/** Whether a length is the batch's, or so many times the batch's (of rows that were laid end to end). */
export function isOfBatch({ dynamicBatch }: LoweringState, length: number): boolean {
  return dynamicBatch !== undefined && length > 0 && length % dynamicBatch === 0;
}

/** @returns the ONNX name of a value, written as a constant on first use if it is one */
export function valueName(state: LoweringState, id: number): string {
  const known = state.names.get(id);
  if (known !== undefined) return known;
  const { constant, shape, dtype } = state.values[id];
  const turned = state.channelsFirst.get(id);
  if (turned !== undefined) {
    const name = reorder(state, turned, shape, shape, [0, 2, 3, 1]);
    state.names.set(id, name);
    return name;
  }
  const inBlocks = state.blocked.get(id);
  if (inBlocks !== undefined) {
    const name = reshape(state, state.builder.node('Transpose', [inBlocks], { perm: [0, 2, 3, 1, 4] }), shape);
    state.names.set(id, name);
    return name;
  }
  if (!constant) throw new Error(`value ${id} of the tape is used before it is made`);
  if (shape.some((length) => isOfBatch(state, length))) {
    const repeated = repeatedOverBatch(state, id);
    if (repeated !== undefined) return repeated;
    throw new AnnealError(
      failureTypes.invalidModel,
      `The model holds a constant of shape [${shape.join(', ')}], which depends on the size of the batch. A model that serves any batch cannot hold it. Broadcast a smaller constant instead.`,
    );
  }
  const name = state.builder.constant(dtype, constant, shape);
  state.names.set(id, name);
  return name;
}

/** A constant that is the same for every row (zeros that a recurrent layer begins with), made as large as the batch is at run time. */
function repeatedOverBatch(state: LoweringState, id: number): string | undefined {
  const { constant, shape, dtype } = state.values[id];
  const axis = shape.indexOf(state.dynamicBatch!);
  if (!constant || axis < 0 || state.batchInput === undefined || shape.filter((length) => isOfBatch(state, length)).length > 1)
    return undefined;
  const stride = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
  const block = stride * shape[axis];
  const isRepeated = constant.every((value, i) => Object.is(value, constant[i - (i % block) + (i % stride)]));
  if (!isRepeated) return undefined;
  const row = constant.filter((_, i) => i % block < stride);
  const { builder } = state;
  const lengths = (part: readonly number[]): string[] => (part.length > 0 ? [builder.constant('int64', part)] : []);
  const rows = builder.node('Gather', [builder.node('Shape', [state.batchInput]), builder.constant('int64', [0])], { axis: 0 });
  const target = builder.node('Concat', [...lengths(shape.slice(0, axis)), rows, ...lengths(shape.slice(axis + 1))], { axis: 0 });
  const one = builder.constant(
    dtype,
    row,
    shape.map((length, i) => (i === axis ? 1 : length)),
  );
  const name = builder.node('Expand', [one, target]);
  state.names.set(id, name);
  return name;
}

/*
 * tfjs lays images out as [N, H, W, C], ONNX as [N, C, H, W]. A convolution leaves its result as ONNX made it, element-wise kernels
 * go on in that order, and it is turned back only where a kernel reads it that needs the recorded one.
 *
 * onnxruntime's fastest convolutions want blocks of channels, [N, C / block, H, W, block], where the block is what a register of the
 * processor holds. A graph that is made for the machine at hand keeps images so wherever the channels fill whole blocks.
 */
export type Layout = 'as recorded' | 'channels first' | 'blocked';

/** Where each axis of [N, H, W, C] lies in [N, C, H, W]. */
export const channelsFirstAxes: readonly number[] = [0, 2, 3, 1];

/** [N, H, W, C] → [N, C, H, W]; [C], which broadcasts along the last axis → [C, 1, 1]. */
export function channelsFirstShape(shape: readonly number[]): readonly number[] {
  if (shape.length === 1) return [shape[0], 1, 1];
  return shape.length === 4 ? [shape[0], shape[3], shape[1], shape[2]] : shape;
}

/** [N, H, W, C] → [N, C / block, H, W, block], and [N, H, W, 1] → [N, 1, H, W, 1]; [C] → [C / block, 1, 1, block]. */
export function blockedShape(shape: readonly number[], block: number): readonly number[] {
  const channels = shape.at(-1) ?? 1;
  const size = channels === 1 ? 1 : block;
  if (shape.length === 1) return [channels / size, 1, 1, size];
  return shape.length === 4 ? [shape[0], channels / size, shape[1], shape[2], size] : shape;
}

/** Whether channels fill whole blocks, in a graph that has blocks. */
export function fillsBlocks({ channelBlock }: LoweringState, channels: number): boolean {
  return channelBlock > 1 && channels % channelBlock === 0;
}

/** How an element-wise call had better be carried out: as an operand of the output's shape lies. */
export function elementwiseLayout(state: LoweringState, call: TapeCall): Layout {
  const ids = Object.values(call.inputs);
  const output = state.values[call.outputs[0]].shape;
  if (output.length !== 4 || !ids.every((id) => [0, 1, 4].includes(state.values[id].shape.length))) return 'as recorded';
  const full = ids.filter((id) => state.values[id].shape.join() === output.join());
  const isBlockable = ids.every((id) => [undefined, 1, output[3]].includes(state.values[id].shape.at(-1)));
  if (isBlockable && full.some((id) => state.blocked.has(id))) return 'blocked';
  return full.some((id) => state.channelsFirst.has(id)) ? 'channels first' : 'as recorded';
}

/** @returns ONNX name of a value of rank 4, channels first; of rank 1 or 0, such that it broadcasts against one */
export function channelsFirstName(state: LoweringState, id: number): string {
  const known = state.channelsFirst.get(id);
  if (known !== undefined) return known;
  const { shape } = state.values[id];
  if (shape.length === 0) return valueName(state, id);
  if (shape.length === 1) return broadcast(state, id, 'channels', [-1, 1, 1]);
  const inBlocks = state.blocked.get(id);
  const name =
    inBlocks === undefined
      ? reorder(state, valueName(state, id), shape, channelsFirstShape(shape), [0, 3, 1, 2])
      : state.builder.blockedNode('ReorderOutput', [reshape(state, inBlocks, channelsFirstShape(shape))], { channels: shape[3] });
  state.channelsFirst.set(id, name);
  return name;
}

/** @returns ONNX name of a value of rank 4 in blocks of channels, its one channel alone where it has one; of rank 1 or 0, such that it broadcasts against one */
export function blockedName(state: LoweringState, id: number): string {
  const known = state.blocked.get(id);
  if (known !== undefined) return known;
  const { shape } = state.values[id];
  if (shape.length === 0) return valueName(state, id);
  const to = blockedShape(shape, state.channelBlock);
  if (shape.length === 1) return broadcast(state, id, 'blocks', to);
  const name = blockedFrom(state, id, shape, to);
  state.blocked.set(id, name);
  return name;
}

function blockedFrom(state: LoweringState, id: number, shape: readonly number[], to: readonly number[]): string {
  const [batch, height, width, channels] = shape;
  if (channels === 1 || height * width === 1) return reshape(state, valueName(state, id), to);
  const turned = state.channelsFirst.get(id);
  if (turned !== undefined && !state.names.has(id)) return reshape(state, state.builder.blockedNode('ReorderInput', [turned]), to);
  const apart = reshape(state, valueName(state, id), [batch, height, width, to[1], to[4]]);
  return to[1] === 1 ? reshape(state, apart, to) : state.builder.node('Transpose', [apart], { perm: [0, 3, 1, 2, 4] });
}

/** A vector that is read in the place of the channels, in the given shape. */
function broadcast(state: LoweringState, id: number, kind: string, shape: readonly number[]): string {
  const key = `${kind}:${id}`;
  const noted = state.notes.get(key) ?? state.builder.node('Reshape', [valueName(state, id), state.builder.constant('int64', shape)]);
  state.notes.set(key, noted);
  return noted;
}

/** Reshape to a shape of the tape, in which the batch may be of any length. */
export function reshape(state: LoweringState, name: string, shape: readonly number[]): string {
  const lengths = shape.map((length) => (isOfBatch(state, length) ? -1 : length));
  return state.builder.node('Reshape', [name, state.builder.constant('int64', lengths)]);
}

/** Move the channels of an image; where there is one channel or one pixel, nothing moves in memory. */
export function reorder(
  state: LoweringState,
  name: string,
  image: readonly number[],
  to: readonly number[],
  perm: readonly number[],
): string {
  const [, height, width, channels] = image;
  if (channels !== 1 && height * width !== 1) return state.builder.node('Transpose', [name], { perm });
  return reshape(state, name, to);
}

import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { Attribute } from '../onnx-builder.js';
import { operationName } from '../operation-name.js';
import type { TapeCall, TapeType, TapeValue } from '../tape.js';
import {
  blockedName,
  blockedShape,
  channelsFirstName,
  channelsFirstShape,
  fillsBlocks,
  isOfBatch,
  type Layout,
  type LoweringState,
  valueName,
} from './lowering-state.js';

/** One call of a tape as a lowering sees it: names and shapes in, ONNX nodes out. */
export class KernelCall {
  constructor(
    private readonly state: LoweringState,
    private readonly call: TapeCall,
    /** Other than as recorded: an element-wise kernel whose operands are read, and whose result is made, in that order. */
    private readonly layout: Layout = 'as recorded',
  ) {}

  /** Names of the inputs in the kernel's order. */
  get inputs(): string[] {
    return Object.values(this.call.inputs).map((id) => this.nameOf(id));
  }

  get inputValues(): TapeValue[] {
    return Object.values(this.call.inputs).map((id) => this.laidOut(id));
  }

  has(input: string): boolean {
    return input in this.call.inputs;
  }

  value(input: string): TapeValue {
    const id = this.call.inputs[input];
    if (id === undefined) return this.refuse(`has no input "${input}"`);
    return this.laidOut(id);
  }

  /** @returns the ONNX name of an input */
  input(name: string): string {
    return this.nameOf(this.value(name).id);
  }

  shape(input: string): readonly number[] {
    return this.value(input).shape;
  }

  get outputs(): TapeValue[] {
    return this.call.outputs.map((id) => this.laidOut(id));
  }

  get output(): TapeValue {
    return this.outputs[0];
  }

  attribute(name: string): unknown {
    return this.call.attributes[name];
  }

  /** A number; a missing one is `fallback`. */
  number(name: string, fallback?: number): number {
    const value = this.attribute(name) ?? fallback;
    return typeof value === 'number' ? value : this.refuse(`has the attribute ${name}=${JSON.stringify(value)}, expected a number`);
  }

  flag(name: string): boolean {
    const value = this.attribute(name) ?? false;
    return typeof value === 'boolean' ? value : this.refuse(`has the attribute ${name}=${JSON.stringify(value)}, expected true or false`);
  }

  integers(name: string): number[] {
    const value = this.attribute(name);
    const list = typeof value === 'number' ? [value] : value;
    return Array.isArray(list) && list.every((item) => Number.isInteger(item))
      ? (list as number[])
      : this.refuse(`has the attribute ${name}=${JSON.stringify(value)}, expected integers`);
  }

  /** Axes of `input`, not negative; a missing attribute means all of them. */
  axes(name: string, input: string): number[] {
    const rank = this.shape(input).length;
    if ((this.attribute(name) ?? null) === null) return Array.from({ length: rank }, (_, i) => i);
    return this.integers(name).map((axis) => (axis < 0 ? axis + rank : axis));
  }

  axis(name: string, rank: number, fallback?: number): number {
    const axis = this.number(name, fallback);
    return axis < 0 ? axis + rank : axis;
  }

  node(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.state.builder.node(opType, inputs, attributes);
  }

  nodes(opType: string, inputs: readonly string[], count: number, attributes: Readonly<Record<string, Attribute>> = {}): string[] {
    const names = Array.from({ length: count }, () => this.state.builder.unique(opType));
    this.state.builder.nodeWithOutputs(opType, inputs, names, attributes);
    return names;
  }

  constant(type: 'float32' | 'int32' | 'uint32' | 'int64' | 'bool', values: ArrayLike<number>, shape?: readonly number[]): string {
    return this.state.builder.constant(type, values, shape);
  }

  scalar(value: number, type: TapeType = 'float32'): string {
    return this.state.builder.constant(type, [value], []);
  }

  int64(...values: number[]): string {
    return this.state.builder.constant('int64', values);
  }

  /** Reshape to a shape of the tape. */
  reshape(name: string, shape: readonly number[]): string {
    const dynamic = shape.filter((length) => this.isDynamic(length)).length;
    if (dynamic > 1) return this.refuse('needs a shape in which the batch appears twice');
    return this.node('Reshape', [name, this.int64(...shape.map((length) => (this.isDynamic(length) ? -1 : length)))]);
  }

  isDynamic(length: number): boolean {
    return isOfBatch(this.state, length);
  }

  /** Lengths that are written into the graph, so they must not be the batch's. */
  fixed(lengths: readonly number[]): number[] {
    if (lengths.some((length) => this.isDynamic(length))) return this.refuse('depends on the size of the batch');
    return [...lengths];
  }

  note(key: string, name: string): void {
    this.state.notes.set(`${this.layout}:${key}`, name);
  }

  noted(key: string): string | undefined {
    return this.state.notes.get(`${this.layout}:${key}`);
  }

  /** Whether a kernel stands anywhere in the tape. */
  tapeHas(kernel: string): boolean {
    return this.state.kernels.has(kernel);
  }

  /** @returns the ONNX name of an input of rank 4, channels first */
  channelsFirst(input: string): string {
    return channelsFirstName(this.state, this.value(input).id);
  }

  /** The same with zeros around each image. @param pads top, left, bottom, right */
  paddedChannelsFirst(input: string, pads: readonly number[]): string {
    const [batch, height, width, channels] = this.shape(input);
    const [top, left, bottom, right] = pads;
    return this.channelsFirstOf(input, [batch, top + height + bottom, left + width + right, channels], (image, pad) => pad(image, pads));
  }

  /**
   * Change images before their channels are moved to the front: where they lie in blocks a row of blocks is copied at once.
   *
   * @param shape of the changed images, [N, H, W, C]
   * @param change the images, whose height and width are the axes 2 and 3, with a function that adds zeros around them
   * @returns [N, C, H, W]
   */
  channelsFirstOf(
    input: string,
    shape: readonly number[],
    change: (image: string, pad: (image: string, pads: readonly number[]) => string) => string,
  ): string {
    const { builder, blocked } = this.state;
    const { id, shape: given } = this.value(input);
    const inBlocks = fillsBlocks(this.state, given[3]) ? blocked.get(id) : undefined;
    const pad = (image: string, [top, left, bottom, right]: readonly number[]) => {
      if (top + left + bottom + right === 0) return image;
      const rest = inBlocks === undefined ? [] : [0];
      return this.node('Pad', [image, this.int64(0, 0, top, left, ...rest, 0, 0, bottom, right, ...rest), this.scalar(0)]);
    };
    if (inBlocks === undefined) return change(this.channelsFirst(input), pad);
    const changed = this.reshape(change(inBlocks, pad), channelsFirstShape(shape));
    return builder.blockedNode('ReorderOutput', [changed], { channels: shape[3] });
  }

  /** @returns the same, if it is there already */
  knownChannelsFirst(input: string): string | undefined {
    return this.state.channelsFirst.get(this.value(input).id);
  }

  /** Channels of a block, where so many channels fill whole blocks of this graph. */
  blockOf(channels: number): number | undefined {
    return fillsBlocks(this.state, channels) ? this.state.channelBlock : undefined;
  }

  /** @returns the ONNX name of an input of rank 4 in blocks of channels, which they must fill */
  blocked(input: string): string {
    return blockedName(this.state, this.value(input).id);
  }

  /** @returns the same, if it is there already */
  knownBlocked(input: string): string | undefined {
    return this.state.blocked.get(this.value(input).id);
  }

  /** A node on images in blocks, which sees them as [N, C, H, W]. @returns name of its result, in blocks */
  blockedNode(
    opType: string,
    images: readonly { readonly name: string; readonly shape: readonly number[] }[],
    inputs: readonly string[],
    output: readonly number[],
    attributes: Readonly<Record<string, Attribute>>,
  ): string {
    const seen = images.map(({ name, shape }) => this.reshape(name, channelsFirstShape(shape)));
    const made = this.state.builder.blockedNode(opType, [...seen, ...inputs], attributes);
    return this.reshape(made, blockedShape(output, this.state.channelBlock));
  }

  /** @throws AnnealError `InvalidModel` */
  refuse(reason: string): never {
    throw refusal(this.call, reason);
  }

  private nameOf(id: number): string {
    if (this.layout === 'blocked') return blockedName(this.state, id);
    return this.layout === 'channels first' ? channelsFirstName(this.state, id) : valueName(this.state, id);
  }

  private laidOut(id: number): TapeValue {
    const value = this.state.values[id];
    if (this.layout === 'blocked') return { ...value, shape: blockedShape(value.shape, this.state.channelBlock) };
    return this.layout === 'channels first' ? { ...value, shape: channelsFirstShape(value.shape) } : value;
  }
}

/** What cannot be translated, as the details of the error say it. */
export interface Refusal {
  readonly kernel: string;
  readonly layer?: string;
  /** Kernel of the forward pass whose gradient `kernel` belongs to. */
  readonly gradientOf?: string;
  /** Goes on with "which". */
  readonly reason: string;
}

export function refusal({ kernel, layer, gradientOf }: TapeCall, reason: string): AnnealError {
  const refused: Refusal = { kernel, layer, ...(gradientOf === undefined ? {} : { gradientOf }), reason };
  return new AnnealError(
    failureTypes.invalidModel,
    `${refusalSentence(refused)} The compiled engine runs only kernels that it can translate to ONNX exactly. Write the model with operations that docs/lowerings.md lists, or set training.engine to "auto", which trains it on another engine.`,
    refused,
  );
}

/** By names that stand in the model's code, where the kernel is one of a gradient. */
export function refusalSentence({ kernel, layer, gradientOf, reason }: Refusal): string {
  const place = layer ? ` in layer "${layer}"` : '';
  return gradientOf === undefined || gradientOf === kernel
    ? `The model uses the TensorFlow.js kernel "${kernel}"${place}, which ${reason}.`
    : `The model uses ${operationName(gradientOf)}${place}, whose gradient takes the TensorFlow.js kernel "${kernel}", which ${reason}.`;
}

/**
 * How one kernel becomes ONNX nodes.
 *
 * @returns names of the outputs; an input's name where the kernel changes nothing
 */
export interface Lowering {
  /** Every attribute that `lower` takes into account; a call with another one is refused. */
  readonly attributes?: readonly string[];
  /** Element types that every input must have; default float32 alone. */
  readonly types?: readonly TapeType[];
  /** What `lower` refuses of what it knows, for the page of lowerings. */
  readonly refuses?: string;
  /** Every element of the output depends on the elements at its place alone; operands may be broadcast. */
  readonly elementwise?: true;
  readonly lower: (call: KernelCall) => string | readonly string[] | ImageResult;
}

/** The one output, of rank 4, channels first or in blocks of them. */
export type ImageResult = { readonly channelsFirst: string } | { readonly blocked: string };

export type LoweringTable = Readonly<Record<string, Lowering>>;

export const numericTypes: readonly TapeType[] = ['float32', 'int32'];
export const anyType: readonly TapeType[] = ['float32', 'int32', 'bool'];

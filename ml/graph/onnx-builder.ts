import { createHash } from 'node:crypto';
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;

/** Element types of ONNX that Anneal writes, with their numbers in `TensorProto.DataType`. */
export const elementTypes = { float32: 1, uint8: 2, int32: 6, int64: 7, string: 8, bool: 9, float64: 11, uint32: 12, uint64: 13 } as const;
export type ElementType = keyof typeof elementTypes;

/** A number is a fixed size, a string the name of a symbolic one. */
export type Dimension = number | string;
export type Attribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | GraphBuilder;

const modelOpset = 17;
const mlOpset = 3;
const contribDomain = 'com.microsoft';
const contribOpset = 1;
/** Convolutions and pooling of onnxruntime on images whose channels lie in blocks. */
const blockedDomain = 'com.microsoft.nchwc';
const blockedOpset = 1;
const irVersion = 8;

interface Names {
  next: number;
  /** Whether a node of the domain `com.microsoft` was written. */
  usesContribOps: boolean;
  /** Whether a node of the domain `com.microsoft.nchwc` was written. */
  usesBlockedOps: boolean;
  /** Names of inputs, which come from outside: a raw column may well be called "Cast_3". */
  readonly inputs: Set<string>;
}

/**
 * Writes one ONNX graph: nodes in the order of the calls, values by name.
 *
 * Deterministic: the same calls give the same bytes, so the digest of a model is the digest of what it computes.
 * Names are unique across a graph and its subgraphs.
 */
export class GraphBuilder {
  private readonly nodes: InstanceType<typeof onnx.NodeProto>[] = [];
  private readonly initializers: InstanceType<typeof onnx.TensorProto>[] = [];
  private readonly inputs: InstanceType<typeof onnx.ValueInfoProto>[] = [];
  private readonly outputs: InstanceType<typeof onnx.ValueInfoProto>[] = [];
  private readonly constants = new Map<string, string>();

  constructor(
    readonly name: string,
    private readonly names: Names = { next: 0, usesContribOps: false, usesBlockedOps: false, inputs: new Set() },
  ) {}

  /** A graph for a `Loop` or `If` attribute; it may refer to values of this one by name. */
  subgraph(name: string): GraphBuilder {
    return new GraphBuilder(name, this.names);
  }

  get nodeCount(): number {
    return this.nodes.length;
  }

  unique(hint: string): string {
    const name = `${hint}_${this.names.next++}`;
    return this.names.inputs.has(name) ? this.unique(hint) : name;
  }

  /** @returns `name`, for use as a node's input */
  input(name: string, type: ElementType, shape: readonly Dimension[]): string {
    this.inputs.push(valueInfo(name, type, shape));
    this.names.inputs.add(name);
    return name;
  }

  output(name: string, type: ElementType, shape: readonly Dimension[]): void {
    this.outputs.push(valueInfo(name, type, shape));
  }

  /**
   * Append a node with one output.
   *
   * @param inputs names; "" leaves an optional input out
   * @param attributes an integer number is written as INT, any other number as FLOAT; say `{float: 1}` for a whole float
   * @returns the output's name: `output`, or a fresh one
   */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = this.unique(opType),
  ): string {
    this.nodeWithOutputs(opType, inputs, [output], attributes);
    return output;
  }

  nodeWithOutputs(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): void {
    this.nodes.push(
      new onnx.NodeProto({
        opType,
        domain,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
      }),
    );
  }

  /** A node of the domain `ai.onnx.ml`. */
  mlNode(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = this.unique(opType),
  ): string {
    this.nodeWithOutputs(opType, inputs, [output], attributes, 'ai.onnx.ml');
    return output;
  }

  /** A node of onnxruntime's own domain `com.microsoft`; the model then runs in onnxruntime alone. */
  contribNode(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const output = this.unique(opType);
    this.names.usesContribOps = true;
    this.nodeWithOutputs(opType, inputs, [output], attributes, contribDomain);
    return output;
  }

  /** A node of onnxruntime's domain `com.microsoft.nchwc`; the model then runs on processors of one kind alone. */
  blockedNode(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const output = this.unique(opType);
    this.names.usesBlockedOps = true;
    this.nodeWithOutputs(opType, inputs, [output], attributes, blockedDomain);
    return output;
  }

  /** A constant tensor; equal constants of one graph are stored once. */
  constant(type: ElementType, data: ArrayLike<number | bigint | string>, shape: readonly number[] = [data.length], name?: string): string {
    const tensor = tensorProto(type, data, shape);
    const payload = tensor.rawData?.length ? tensor.rawData : JSON.stringify(Array.from(data as ArrayLike<string>));
    const key = createHash('sha256')
      .update(`${type}:${shape.join('x')}:`)
      .update(payload)
      .digest('hex');
    const known = this.constants.get(key);
    if (known !== undefined && name === undefined) return known;
    tensor.name = name ?? this.unique('constant');
    this.initializers.push(tensor);
    if (known === undefined) this.constants.set(key, tensor.name);
    return tensor.name;
  }

  scalar(type: ElementType, value: number | bigint): string {
    return this.constant(type, [value], []);
  }

  /**
   * Move what a loop's body computes from values of this graph and constants alone out of the body, so that it is computed once.
   *
   * @param body a subgraph of this one that no node has as an attribute yet
   */
  takeInvariants(body: GraphBuilder): void {
    const varying = new Set(body.inputs.map(({ name }) => name));
    const constants = new Map(body.initializers.map((tensor) => [tensor.name!, tensor]));
    const moved = new Map<string, string>();
    const stays = body.nodes.filter((node) => {
      const isInvariant = node.input!.every((name) => !varying.has(name)) && node.attribute!.every(({ g }) => !g);
      if (!isInvariant) for (const name of node.output!) varying.add(name);
      return !isInvariant;
    });
    const staying = new Set(stays);
    for (const node of body.nodes) {
      if (staying.has(node)) continue;
      node.input = node.input!.map((name) => {
        const tensor = constants.get(name);
        if (!tensor) return name;
        // A name of the graph around must not come back in a subgraph.
        if (!moved.has(name)) {
          moved.set(name, this.unique('constant'));
          this.initializers.push(Object.assign(new onnx.TensorProto(), tensor, { name: moved.get(name) }));
        }
        return moved.get(name)!;
      });
      this.nodes.push(node);
    }
    const used = new Set([...stays.flatMap(({ input }) => input!), ...body.outputs.map(({ name }) => name)]);
    body.nodes.splice(0, body.nodes.length, ...stays);
    body.initializers.splice(0, body.initializers.length, ...body.initializers.filter(({ name }) => used.has(name!)));
  }

  toGraph(): InstanceType<typeof onnx.GraphProto> {
    return new onnx.GraphProto({
      name: this.name,
      node: this.nodes,
      initializer: this.initializers,
      input: this.inputs,
      output: this.outputs,
    });
  }

  /** @returns the bytes of an ONNX model (opset 17, ai.onnx.ml 3, IR version 8) */
  encode(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const model = new onnx.ModelProto({
      irVersion,
      producerName: 'anneal',
      opsetImport: [
        { domain: '', version: modelOpset },
        { domain: 'ai.onnx.ml', version: mlOpset },
        ...(this.names.usesContribOps ? [{ domain: contribDomain, version: contribOpset }] : []),
        ...(this.names.usesBlockedOps ? [{ domain: blockedDomain, version: blockedOpset }] : []),
      ],
      graph: this.toGraph(),
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    });
    return onnx.ModelProto.encode(model).finish();
  }
}

function valueInfo(name: string, type: ElementType, shape: readonly Dimension[]): InstanceType<typeof onnx.ValueInfoProto> {
  return new onnx.ValueInfoProto({
    name,
    type: {
      tensorType: {
        elemType: elementTypes[type],
        shape: { dim: shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size })) },
      },
    },
  });
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

function tensorProto(
  type: ElementType,
  data: ArrayLike<number | bigint | string>,
  shape: readonly number[],
): InstanceType<typeof onnx.TensorProto> {
  const tensor = new onnx.TensorProto({ dims: [...shape], dataType: elementTypes[type] });
  if (type === 'string') {
    const encoder = new TextEncoder();
    tensor.stringData = Array.from(data as ArrayLike<string>, (value) => encoder.encode(value));
  } else if (type === 'int64' || type === 'uint64') {
    tensor.rawData = bytes(BigInt64Array.from(data as ArrayLike<number | bigint>, (value) => BigInt.asIntN(64, BigInt(value))));
  } else {
    const Typed = arrays[type];
    // A copy in every case: the caller may go on writing into its array.
    tensor.rawData = bytes(data instanceof Typed ? data.slice() : Typed.from(data as ArrayLike<number>));
  }
  return tensor;
}

function bytes(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Numbers of `AttributeProto.AttributeType`. */
const attributeTypes = { float: 1, int: 2, string: 3, graph: 5, floats: 6, ints: 7, strings: 8 } as const;

function attributeProto(name: string, value: Attribute): InstanceType<typeof onnx.AttributeProto> {
  const encoder = new TextEncoder();
  if (value instanceof GraphBuilder) return new onnx.AttributeProto({ name, type: attributeTypes.graph, g: value.toGraph() });
  if (typeof value === 'string') return new onnx.AttributeProto({ name, type: attributeTypes.string, s: encoder.encode(value) });
  if (typeof value === 'number') {
    return Number.isInteger(value)
      ? new onnx.AttributeProto({ name, type: attributeTypes.int, i: value })
      : new onnx.AttributeProto({ name, type: attributeTypes.float, f: value });
  }
  if ('float' in value) return new onnx.AttributeProto({ name, type: attributeTypes.float, f: value.float });
  if ('floats' in value) return new onnx.AttributeProto({ name, type: attributeTypes.floats, floats: [...value.floats] });
  if (value.length > 0 && typeof value[0] === 'string')
    return new onnx.AttributeProto({
      name,
      type: attributeTypes.strings,
      strings: (value as readonly string[]).map((item) => encoder.encode(item)),
    });
  return new onnx.AttributeProto({ name, type: attributeTypes.ints, ints: [...(value as readonly number[])] });
}

import onnxProto from 'onnx-proto';

const { ModelProto, StringStringEntryProto, TensorProto } = onnxProto.onnx;
type Graph = InstanceType<typeof onnxProto.onnx.GraphProto>;

/** A smaller weight costs less where it is than another mapping of the file does. */
const leastOutsideBytes = 64 * 1024;
/**
 * Inputs from which onnxruntime reads a weight as it lies, whatever it makes of the graph. For other kernels it may lay the weight out
 * anew each time it opens the graph (those of convolutions into blocks of channels, say).
 */
const readAsTheyLie: Readonly<Record<string, readonly number[]>> = { MatMul: [0, 1], Gemm: [0, 1], Gather: [0] };

/**
 * The graph of a model without its large weights: it names the places in the model's own file where they lie. onnxruntime maps them
 * from there.
 *
 * Pure.
 *
 * @param model bytes of an ONNX model
 * @param weights name of the model's file as the graph will see it, in the same directory
 * @returns bytes of an ONNX model, deterministic; undefined where no weight can stay in the file
 * @throws Error when the bytes are no model
 */
export function splitWeights(model: Uint8Array, weights: string): Uint8Array | undefined {
  const decoded = ModelProto.decode(model);
  const { graph } = decoded;
  if (!graph) return undefined;
  const initializers = graph.initializer ?? [];
  // A model of several files: here is one of them.
  if (initializers.some(({ dataLocation }) => dataLocation === TensorProto.DataLocation.EXTERNAL)) return undefined;
  const movable = weightsReadAsTheyLie(graph as Graph);
  let moved = 0;
  for (const tensor of initializers) {
    const { rawData } = tensor;
    if (!rawData || rawData.byteLength < leastOutsideBytes || !movable.has(tensor.name!)) continue;
    const place = { location: weights, offset: rawData.byteOffset - model.byteOffset, length: rawData.byteLength };
    tensor.externalData = Object.entries(place).map(([key, value]) => StringStringEntryProto.create({ key, value: String(value) }));
    tensor.dataLocation = TensorProto.DataLocation.EXTERNAL;
    // Left out of the encoding, where an empty value would be one.
    delete (tensor as { rawData?: unknown }).rawData;
    moved++;
  }
  return moved === 0 ? undefined : ModelProto.encode(decoded).finish();
}

/** @returns names of weights that nothing but the kernels above reads; a subgraph may read any other by its name */
function weightsReadAsTheyLie({ node, output }: Graph): Set<string> {
  const read = new Set<string>();
  const elsewhere = new Set((output ?? []).map(({ name }) => name!));
  let hasSubgraphs = false;
  for (const { opType, domain, input, attribute } of node ?? []) {
    const places = domain ? undefined : readAsTheyLie[opType!];
    (input ?? []).forEach((name, i) => (places?.includes(i) ? read : elsewhere).add(name));
    hasSubgraphs ||= (attribute ?? []).some(({ g, graphs }) => Boolean(g) || (graphs ?? []).length > 0);
  }
  if (hasSubgraphs) return new Set();
  for (const name of elsewhere) read.delete(name);
  return read;
}

import * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { lowerRecording, recordForward } from '../../graph/lower-network.js';
import { operationName } from '../../graph/operation-name.js';
import type { Refusal } from '../../graph/lowering/kernel-call.js';
import { GraphBuilder } from '../../graph/onnx-builder.js';
import type { Tape, TapeCall, TapeValue } from '../../graph/tape.js';
import type { Network, NetworkInputs, NetworkParameter } from '../network.js';

/**
 * A user's network without its code: the kernels of its forward pass as they were recorded. Plain JSON; goes into the checkpoints,
 * so that whoever exports or serves the model need not run the module.
 */
export interface RecordedNetwork {
  readonly parameters: readonly NetworkParameter[];
  readonly parameterCount: number;
  readonly trainedCount: number;
  readonly widestImage: number;
  /** Rows that it was recorded with, which stand for any number. */
  readonly batch: number;
  readonly tape: {
    readonly values: readonly (Omit<TapeValue, 'constant'> & { readonly constant?: string })[];
    readonly calls: readonly TapeCall[];
    readonly inputs: Tape['inputs'];
    readonly outputs: Tape['outputs'];
  };
}

/**
 * @throws AnnealError `InvalidModel` when the forward pass uses a kernel without a translation to ONNX: names kernel and layer.
 *   Such a model could train on another engine, but never be exported
 */
export function recordNetwork(network: Network): RecordedNetwork {
  const { parameters, parameterCount, trainedCount, widestImage, standIn, layout } = network;
  if (standIn === undefined) throw new Error('the network names no stand-in for its batch');
  const { values, calls, inputs, outputs } = recordForward(network, standIn);
  const graph = new GraphBuilder('trial');
  const names = {
    ...(layout.categorical.length > 0 ? { categorical: 'categorical' } : {}),
    ...(layout.numeric.length > 0 ? { numeric: 'numeric' } : {}),
    ...(layout.image ? { image: 'image' } : {}),
  };
  const tape = { values, calls, inputs, outputs };
  try {
    lowerRecording(
      graph,
      tape,
      standIn,
      names,
      parameters.map((_, i) => `parameter_${i}`),
    );
  } catch (error) {
    throw cannotServe(error);
  }
  return {
    parameters,
    parameterCount,
    trainedCount,
    widestImage,
    batch: standIn,
    tape: {
      values: values.map(({ constant, ...value }) => ({ ...value, ...(constant ? { constant: encode(constant) } : {}) })),
      calls: calls.map((call) => ({ ...call, attributes: tagInfinities(call.attributes) as TapeCall['attributes'] })),
      inputs,
      outputs,
    },
  };
}

/** No engine helps: what trains without a translation cannot be exported. */
function cannotServe(error: unknown): unknown {
  if (!(error instanceof AnnealError) || error.type !== failureTypes.invalidModel) return error;
  const { kernel, layer, reason } = (error.details ?? {}) as Partial<Refusal>;
  if (kernel === undefined) return error;
  const name = operationName(kernel);
  const used = name.startsWith('tf.') ? `${name} (the TensorFlow.js kernel "${kernel}")` : name;
  return new AnnealError(
    failureTypes.invalidModel,
    `The model's forward pass uses ${used}${layer ? ` in layer "${layer}"` : ''}, which ${reason}. It could be trained, but not exported and served, so it is not started. Write it with the kernels that docs/lowerings.md lists.`,
    error.details,
    { cause: error },
  );
}

/**
 * A network that runs the recorded kernels. It predicts and can be lowered; it does not train.
 *
 * Rows are taken as many at a time as there were in the recording, the last ones filled up with zeros.
 */
export function replayNetwork(recorded: RecordedNetwork, layout: FeatureLayout, outputs: number): Network {
  const { parameters, parameterCount, trainedCount, widestImage, batch } = recorded;
  return {
    layout,
    outputs,
    parameters,
    parameterCount,
    trainedCount,
    dropoutLayers: 0,
    widestImage,
    standIn: batch,
    initialParameters: () => new Float32Array(parameterCount),
    forward: (tensors, inputs) => {
      const rows = rowsOf(inputs);
      if (rows === batch) return replay(recorded, tensors, inputs);
      const parts: tf.Tensor2D[] = [];
      for (let from = 0; from < rows; from += batch) parts.push(replay(recorded, tensors, takeRows(inputs, from, batch)));
      return tf.slice(tf.concat(parts, 0), [0, 0], [rows, outputs]);
    },
  };
}

function replay({ tape }: RecordedNetwork, parameters: readonly tf.Tensor[], inputs: NetworkInputs): tf.Tensor2D {
  const made = new Map<number, tf.Tensor>();
  for (const [name, id] of Object.entries(tape.inputs)) {
    const tensor = name.startsWith('parameter_') ? parameters[Number(name.slice(10))] : inputs[name as keyof NetworkInputs];
    if (tensor) made.set(id, tensor);
  }
  const valueOf = (id: number): tf.Tensor => {
    const known = made.get(id);
    if (known) return known;
    const { shape, dtype, constant } = tape.values[id];
    if (constant === undefined) throw new Error(`value ${id} of the recording is used before it is made`);
    const tensor = tf.tensor(decode(constant, dtype), [...shape], dtype);
    made.set(id, tensor);
    return tensor;
  };
  for (const { kernel, inputs: names, attributes, outputs } of tape.calls) {
    const given = Object.entries(names).map(([name, id]) => [name, valueOf(id)] as const);
    // A kernel of any number of operands takes a list.
    const isList = given.length > 0 && given.every(([name], i) => name === String(i));
    const operands = isList ? given.map(([, tensor]) => tensor) : Object.fromEntries(given);
    const result = tf
      .engine()
      .runKernel(kernel, operands as unknown as tf.NamedTensorMap, restoreInfinities(attributes) as tf.NamedAttrMap);
    (Array.isArray(result) ? result : [result]).forEach((tensor, i) => made.set(outputs[i], tensor as tf.Tensor));
  }
  return valueOf(tape.outputs.logits) as tf.Tensor2D;
}

function rowsOf({ categorical, numeric, image }: NetworkInputs): number {
  return (categorical ?? numeric ?? image)!.shape[0];
}

function takeRows(inputs: NetworkInputs, from: number, count: number): NetworkInputs {
  return Object.fromEntries(
    (Object.entries(inputs) as [string, tf.Tensor | undefined][]).flatMap(([name, tensor]) => {
      if (!tensor) return [];
      const there = Math.min(count, tensor.shape[0] - from);
      const rest = tensor.shape.slice(1);
      const part = tf.slice(tensor, [from, ...rest.map(() => 0)], [there, ...rest]);
      return [[name, there === count ? part : tf.concat([part, tf.zeros([count - there, ...rest], tensor.dtype)], 0)]];
    }),
  );
}

function encode(constant: Float32Array | Int32Array | Uint8Array): string {
  return Buffer.from(constant.buffer, constant.byteOffset, constant.byteLength).toString('base64');
}

function decode(text: string, dtype: TapeValue['dtype']): Float32Array | Int32Array | Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  if (dtype === 'bool') return bytes;
  return dtype === 'int32' ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
}

/** JSON has no infinities, and an attribute may well be one (the upper bound of a clip). */
function tagInfinities(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) };
  if (Array.isArray(value)) return value.map(tagInfinities);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, tagInfinities(item)]));
  return value;
}

function restoreInfinities(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restoreInfinities);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0][0] === 'number' && typeof entries[0][1] === 'string') return Number(entries[0][1]);
  return Object.fromEntries(entries.map(([name, item]) => [name, restoreInfinities(item)]));
}

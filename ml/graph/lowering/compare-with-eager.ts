import * as tf from '@tensorflow/tfjs-core';
import '../cpu-backend.js';
import ort from 'onnxruntime-node';
import { createRandom } from '../../models/random.js';
import { GraphBuilder, type ElementType } from '../onnx-builder.js';
import { type Tape, type TapeInput, recordTape } from '../tape.js';
import { lowerTape } from './lower-tape.js';

/** A tensor in plain arrays. */
export interface PlainTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: readonly number[];
}

/** An input of a comparison; the values are drawn from a seeded stream. */
export interface RandomInput extends TapeInput {
  /** Half-open range of the values; default [−2, 2). Integers are drawn from [0, high). */
  readonly low?: number;
  readonly high?: number;
  readonly values?: readonly number[];
}

export type Computation = (tensors: Record<string, tf.Tensor>) => tf.Tensor | tf.Tensor[];

export interface Comparison {
  readonly eager: readonly PlainTensor[];
  readonly lowered: readonly PlainTensor[];
  readonly kernels: readonly string[];
}

/** Run a computation eagerly in the plain JavaScript backend, and once more recorded, lowered and executed by onnxruntime. */
export async function compareWithEager(
  inputs: Readonly<Record<string, RandomInput>>,
  compute: Computation,
  seed = 1,
  channelBlock?: number,
): Promise<Comparison> {
  const data = Object.fromEntries(Object.entries(inputs).map(([name, input], i) => [name, draw(input, createRandom(seed, i))]));
  await tf.setBackend('cpu');
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  let eager: PlainTensor[] = [];
  tf.tidy(() => {
    const tensors = Object.entries(inputs).map(([name, { shape, dtype }]) => [name, tf.tensor(data[name], [...shape], dtype)] as const);
    eager = list(compute(Object.fromEntries(tensors))).map((tensor) => plain(tensor.shape, tensor.dtype, tensor.dataSync()));
  });
  const tape = recordTape(inputs, (tensors) => named(compute({ ...tensors })));
  return { eager, lowered: await execute(tape, inputs, data, 1, channelBlock), kernels: tape.calls.map(({ kernel }) => kernel) };
}

/** Run a recorded and lowered computation alone. */
export function runLowered(
  inputs: Readonly<Record<string, RandomInput>>,
  compute: Computation,
  threads: number,
): Promise<readonly PlainTensor[]> {
  const data = Object.fromEntries(Object.entries(inputs).map(([name, input], i) => [name, draw(input, createRandom(1, i))]));
  return execute(
    recordTape(inputs, (tensors) => named(compute({ ...tensors }))),
    inputs,
    data,
    threads,
  );
}

async function execute(
  tape: Tape,
  inputs: Readonly<Record<string, RandomInput>>,
  data: Readonly<Record<string, Float32Array | Int32Array | Uint8Array>>,
  threads: number,
  channelBlock?: number,
): Promise<PlainTensor[]> {
  const graph = new GraphBuilder('comparison');
  for (const [name, { shape, dtype }] of Object.entries(inputs)) graph.input(name, dtype, shape);
  const made = lowerTape(graph, tape, Object.fromEntries(Object.keys(inputs).map((name) => [name, name])), { channelBlock });
  const types: ElementType[] = [];
  for (const [name, id] of Object.entries(tape.outputs)) {
    graph.node('Identity', [made[name]], {}, `result_${name}`);
    graph.output(`result_${name}`, tape.values[id].dtype, tape.values[id].shape);
    types.push(tape.values[id].dtype);
  }
  const session = await ort.InferenceSession.create(graph.encode(), { intraOpNumThreads: threads });
  const feeds = Object.entries(inputs).map(([name, { shape, dtype }]) => [name, new ort.Tensor(dtype, data[name], shape)] as const);
  const result = await session.run(Object.fromEntries(feeds));
  const tensors = Object.keys(tape.outputs).map((name, i) => {
    const tensor = result[`result_${name}`];
    return plain(tensor.dims, types[i], tensor.data as Float32Array | Int32Array | Uint8Array);
  });
  await session.release();
  return tensors;
}

function draw({ shape, dtype, low = dtype === 'float32' ? -2 : 0, high = 2, values }: RandomInput, random: () => number) {
  const size = shape.reduce((product, length) => product * length, 1);
  const numbers = values ?? Array.from({ length: size }, () => low + random() * (high - low));
  if (dtype === 'float32') return Float32Array.from(numbers);
  return dtype === 'int32' ? Int32Array.from(numbers, Math.floor) : Uint8Array.from(numbers, Math.floor);
}

function list(result: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
  return Array.isArray(result) ? result : [result];
}

function named(result: tf.Tensor | tf.Tensor[]): Record<string, tf.Tensor> {
  return Object.fromEntries(list(result).map((tensor, i) => [String(i), tensor]));
}

function plain(shape: readonly number[], dtype: string, values: ArrayLike<number>): PlainTensor {
  return { shape: [...shape], dtype, values: Array.from(values, Number) };
}

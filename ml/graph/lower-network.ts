import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Network, TrainingPass } from '../models/network.js';
import type { ImageShape } from '../../contracts/image-input.js';
import { lowerTape } from './lowering/lower-tape.js';
import type { GraphBuilder } from './onnx-builder.js';
import { type Tape, type TapeInput, recordTape } from './tape.js';

/** ONNX names of the matrices that a network reads; absent where the layout has no such columns. */
export interface NetworkInputNames {
  /** int32 [N, C] */
  readonly categorical?: string;
  /** float32 [N, F] */
  readonly numeric?: string;
  /** float32 [N, height, width, channels] */
  readonly image?: string;
}

/**
 * Write a network's forward pass into a graph, its parameters as constants.
 *
 * @param parameters the flat vector
 * @returns name of the logits, float32 [N, outputs], N of any size; it may be used as a node's input, not yet declared an output
 * @throws AnnealError `InvalidModel` when the model uses a kernel without a translation
 */
export function lowerNetwork(builder: GraphBuilder, network: Network, inputs: NetworkInputNames, parameters: Float32Array): string {
  if (parameters.length !== network.parameterCount)
    throw new Error(`the network has ${network.parameterCount} parameters, ${parameters.length} were given`);
  const constants = network.parameters.map(({ shape, offset, size }) =>
    builder.constant('float32', parameters.subarray(offset, offset + size), shape),
  );
  return lowerForward(builder, network, inputs, constants);
}

/**
 * Write a network's forward pass into a graph.
 *
 * @param parameters ONNX names of the parameters, in the network's order and shapes
 * @param channelBlock as in `LowerOptions`
 * @returns name of the logits, float32 [N, outputs]
 */
export function lowerForward(
  builder: GraphBuilder,
  network: Network,
  inputs: NetworkInputNames,
  parameters: readonly string[],
  channelBlock?: number,
): string {
  const batch = batchStandIn(network);
  return lowerRecording(builder, recordForward(network, batch), batch, inputs, parameters, channelBlock);
}

/** As `lowerForward`, for a forward pass that was recorded with `batch` rows. */
export function lowerRecording(
  builder: GraphBuilder,
  tape: Tape,
  batch: number,
  inputs: NetworkInputNames,
  parameters: readonly string[],
  channelBlock?: number,
): string {
  const names: Record<string, string> = Object.fromEntries(parameters.map((name, i) => [`parameter_${i}`, name]));
  for (const [name, value] of Object.entries(inputs)) if (value !== undefined) names[name] = value;
  return lowerTape<'logits'>(builder, tape, names, { dynamicBatch: batch, channelBlock }).logits;
}

/**
 * Record a forward pass: `parameter_<i>`, `categorical`, `numeric`, `image` → `logits`.
 *
 * @param training makes the pass of a training step of the keys' tensor int32 [keys]; default: a prediction
 */
export function recordForward(
  network: Pick<Network, 'parameters' | 'layout' | 'forward'>,
  batch: number,
  training?: { readonly keys: number; readonly pass: (keys: Tensor1D) => TrainingPass },
): Tape {
  const inputs: Record<string, TapeInput> = Object.fromEntries(
    network.parameters.map(({ shape }, i) => [`parameter_${i}`, { shape, dtype: 'float32' }]),
  );
  const { categorical, numeric, image } = network.layout;
  if (categorical.length > 0) inputs.categorical = { shape: [batch, categorical.length], dtype: 'int32' };
  if (numeric.length > 0) inputs.numeric = { shape: [batch, numeric.length], dtype: 'float32' };
  if (image) inputs.image = { shape: [batch, image.height, image.width, image.channels], dtype: 'float32' };
  if (training) inputs.keys = { shape: [training.keys], dtype: 'int32' };
  return recordTape(inputs, (tensors) => ({
    logits: network.forward(
      network.parameters.map((_, i) => tensors[`parameter_${i}`]),
      {
        categorical: tensors.categorical as Tensor2D | undefined,
        numeric: tensors.numeric as Tensor2D | undefined,
        image: tensors.image as Tensor4D | undefined,
      },
      training?.pass(tensors.keys as Tensor1D),
    ),
  }));
}

/** Rows with which a network's forward pass is recorded to stand for any number of them. */
export function batchStandIn({ standIn, layout: { image }, parameters }: Pick<Network, 'standIn' | 'layout' | 'parameters'>): number {
  if (standIn !== undefined) return standIn;
  return freePrime([...parameters.flatMap(({ shape, size }) => [...shape, size]), ...(image ? sidesOf(image) : [])], image !== undefined);
}

/** A prime that divides no length of the network, so that a length of the tape is the batch's exactly when it equals it. */
export function freePrime(lengths: readonly number[], ofImages: boolean): number {
  // A recording holds values of so many rows, and those of images are large.
  const primes = ofImages
    ? [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]
    : [1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049, 1051, 1061, 1063, 1069];
  const free = primes.find((prime) => lengths.every((length) => length % prime !== 0));
  if (free === undefined) throw new Error('no stand-in for the length of the batch is left');
  return free;
}

/** Height and width, as given and after each halving. */
function sidesOf({ height, width, channels }: ImageShape): number[] {
  const sides = [channels];
  for (let [h, w] = [height, width]; h > 0 || w > 0; [h, w] = [h >> 1, w >> 1]) sides.push(...[h, w, h * w].filter((side) => side > 0));
  return sides;
}

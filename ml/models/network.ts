import { mul, type Tensor1D, type Tensor2D, type Tensor4D, type Tensor } from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { dropoutMask } from '../graph/dropout-kernel.js';
import { createRandom } from './random.js';
import { type Initializer, initialize } from './initializer.js';

/** One tensor and its place in the flat parameter vector. */
export interface NetworkParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  /** Index of its first element in the flat vector. */
  readonly offset: number;
}

/** What a network reads; a matrix of a layout without such columns is absent. */
export interface NetworkInputs {
  /** int32 [N, C] */
  readonly categorical?: Tensor2D;
  /** float32 [N, F] */
  readonly numeric?: Tensor2D;
  /** float32 [N, height, width, channels] in [0, 1] */
  readonly image?: Tensor4D;
}

/** A model as a pure function of its parameters; written with tfjs, run by any engine. */
export interface Network {
  readonly layout: FeatureLayout;
  /** Width of the logits. */
  readonly outputs: number;
  /** In the order of the flat vector: the trained ones, then statistics that a training step gathers. */
  readonly parameters: readonly NetworkParameter[];
  /** Length of the flat vector. */
  readonly parameterCount: number;
  /** Length of its trained part. */
  readonly trainedCount: number;
  /** How many of its layers drop units in training; 0 = the network is the same function in training and after it. */
  readonly dropoutLayers: number;
  /** Numbers that the widest convolution makes of a row, by which the memory of a forward pass is bounded; 0 without one. */
  readonly widestImage: number;
  /** Length that stands for a batch of any size in a recording; absent: chosen by the lengths of parameters and image. */
  readonly standIn?: number;
  /** @returns a fresh copy of the seeded initial parameters, flat */
  initialParameters(): Float32Array;
  /**
   * Differentiable; no state, and no randomness but that of the keys.
   *
   * @param parameters in the order and the shapes of `parameters`
   * @param training of a training step; absent: nothing is dropped, and the statistics are those of `parameters`
   * @returns logits [N, outputs]
   */
  forward(parameters: readonly Tensor[], inputs: NetworkInputs, training?: TrainingPass): Tensor2D;
}

/** What tells a training step's forward pass from a prediction. */
export interface TrainingPass {
  /** `randomKeys` of the step, int32 [2 · streams], the streams of the dropout layers first; absent where there are none. */
  readonly keys?: Tensor1D;
  /** int32 []: place of the pass's first row in the mini-batch whose random numbers it draws; absent: 0. */
  readonly firstRow?: Tensor;
  /** Take a statistic's next value; whoever takes it keeps it (`tf.keep`) beyond the scope that it was made in. */
  gather(name: string, next: Tensor): void;
}

/** Numbers of the vector that belong to statistics, none in most networks. @returns names and places of them */
export function statisticsOf({ parameters, trainedCount }: Pick<Network, 'parameters' | 'trainedCount'>): readonly NetworkParameter[] {
  return parameters.filter(({ offset, size }) => offset >= trainedCount && size > 0);
}

/** Reads a parameter's tensor in a forward pass. */
export type ParameterReader = (name: string) => Tensor;

/** Drops units of a layer [N, units]; the same tensor where nothing is to be dropped. */
export type Dropout = (training: TrainingPass | undefined, x: Tensor2D) => Tensor2D;

type PlannedParameter = Omit<NetworkParameter, 'offset'> & { readonly initializer: Initializer };

/** Collects the parameters of a network while its parts are put together. */
export class NetworkBuilder {
  private readonly trained: PlannedParameter[] = [];
  private readonly statistics: PlannedParameter[] = [];
  private dropoutLayers = 0;
  private widestImage = 0;

  constructor(
    readonly layout: FeatureLayout,
    readonly outputs: number,
  ) {}

  parameter(name: string, shape: readonly number[], initializer: Initializer): string {
    this.trained.push({ name, shape, size: sizeOf(shape), initializer });
    return name;
  }

  /** A tensor that a training step gathers rather than trains. */
  statistic(name: string, shape: readonly number[], initializer: Initializer): string {
    this.statistics.push({ name, shape, size: sizeOf(shape), initializer });
    return name;
  }

  /** @param size numbers that a layer makes of the image of one row */
  makesImage(size: number): void {
    this.widestImage = Math.max(this.widestImage, size);
  }

  /** @param rate share of the units that are dropped */
  dropout(rate: number): Dropout {
    if (rate === 0) return (_, x) => x;
    const layer = this.dropoutLayers++;
    return (training, x) => (training?.keys ? mul(x, dropoutMask(training.keys, layer, x.shape, rate, training.firstRow)) : x); // [N, units]
  }

  /** @throws AnnealError `InvalidModel` when there are more parameters than a model's file holds */
  build(seed: number, forward: (read: ParameterReader, inputs: NetworkInputs, training?: TrainingPass) => Tensor2D): Network {
    const planned = [...this.trained, ...this.statistics];
    let parameterCount = 0;
    const parameters = planned.map(({ name, shape, size }) => {
      const parameter: NetworkParameter = { name, shape, size, offset: parameterCount };
      parameterCount += size;
      return parameter;
    });
    checkSize(parameters, parameterCount);
    const index = new Map(parameters.map((parameter, i) => [parameter.name, i]));
    return {
      layout: this.layout,
      outputs: this.outputs,
      parameters,
      parameterCount,
      trainedCount: this.trained.reduce((sum, { size }) => sum + size, 0),
      dropoutLayers: this.dropoutLayers,
      widestImage: this.widestImage,
      initialParameters: () => {
        const flat = new Float32Array(parameterCount);
        parameters.forEach(({ size, offset }, i) =>
          initialize(flat.subarray(offset, offset + size), planned[i].initializer, createRandom(seed, i)),
        );
        return flat;
      },
      forward: (tensors, inputs, training) =>
        forward(
          (name) => {
            const position = index.get(name);
            if (position === undefined) throw new Error(`the network has no parameter ${name}`);
            return tensors[position];
          },
          inputs,
          training,
        ),
    };
  }
}

/** A file of ONNX is a message of Protocol Buffers, which ends at 2 GiB. */
const mostParameters = 2 ** 29 - 2 ** 20;

function checkSize(parameters: readonly NetworkParameter[], count: number): void {
  if (count <= mostParameters) return;
  const largest = parameters.reduce((a, b) => (b.size > a.size ? b : a));
  throw new AnnealError(
    failureTypes.invalidModel,
    `The model has ${count.toLocaleString('en')} parameters, the most of them "${largest.name}" of shape [${largest.shape.join(', ')}]. Expected at most ${mostParameters.toLocaleString('en')}, which are 2 GiB, the largest file that ONNX has. Make its layers narrower, or its look-up tables shorter.`,
  );
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The columns of the index matrix. @returns C tensors int32 [N] */
export function indexColumns(inputs: NetworkInputs, unstack: (matrix: Tensor2D) => Tensor[]): Tensor1D[] {
  return inputs.categorical ? (unstack(inputs.categorical) as Tensor1D[]) : [];
}

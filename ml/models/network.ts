import { mul, type Tensor1D, type Tensor2D, type Tensor4D, type Tensor } from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { dropoutMask } from '../graph/dropout-kernel.js';
import { createRandom } from './random.js';
import { type Initializer, initialize } from './initializer.js';

/** One trainable tensor and its place in the flat parameter vector. */
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
  /** In the order of the flat vector. */
  readonly parameters: readonly NetworkParameter[];
  /** Length of the flat vector. */
  readonly parameterCount: number;
  /** How many of its layers drop units in training; 0 = the network is the same function in training and after it. */
  readonly dropoutLayers: number;
  /** Numbers that the widest convolution makes of a row, by which the memory of a forward pass is bounded; 0 without one. */
  readonly widestImage: number;
  /** @returns a fresh copy of the seeded initial parameters, flat */
  initialParameters(): Float32Array;
  /**
   * Differentiable; no state, and no randomness but that of the keys.
   *
   * @param parameters in the order and the shapes of `parameters`
   * @param keys `randomKeys` of the step, int32 [2 · dropoutLayers]; absent: nothing is dropped
   * @returns logits [N, outputs]
   */
  forward(parameters: readonly Tensor[], inputs: NetworkInputs, keys?: Tensor1D): Tensor2D;
}

/** Reads a parameter's tensor in a forward pass. */
export type ParameterReader = (name: string) => Tensor;

/** Drops units of a layer [N, units]; the same tensor where nothing is to be dropped. */
export type Dropout = (keys: Tensor1D | undefined, x: Tensor2D) => Tensor2D;

/** Collects the parameters of a network while its parts are put together. */
export class NetworkBuilder {
  private readonly parameters: (NetworkParameter & { readonly initializer: Initializer })[] = [];
  private count = 0;
  private dropoutLayers = 0;
  private widestImage = 0;

  constructor(
    readonly layout: FeatureLayout,
    readonly outputs: number,
  ) {}

  parameter(name: string, shape: readonly number[], initializer: Initializer): string {
    const size = shape.reduce((product, length) => product * length, 1);
    this.parameters.push({ name, shape, size, offset: this.count, initializer });
    this.count += size;
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
    return (keys, x) => (keys ? mul(x, dropoutMask(keys, layer, x.shape, rate)) : x); // [N, units]
  }

  build(seed: number, forward: (read: ParameterReader, inputs: NetworkInputs, keys?: Tensor1D) => Tensor2D): Network {
    const parameters = this.parameters.map(({ name, shape, size, offset }) => ({ name, shape, size, offset }));
    const index = new Map(parameters.map((parameter, i) => [parameter.name, i]));
    return {
      layout: this.layout,
      outputs: this.outputs,
      parameters,
      parameterCount: this.count,
      dropoutLayers: this.dropoutLayers,
      widestImage: this.widestImage,
      initialParameters: () => {
        const flat = new Float32Array(this.count);
        this.parameters.forEach(({ initializer, size, offset }, i) =>
          initialize(flat.subarray(offset, offset + size), initializer, createRandom(seed, i)),
        );
        return flat;
      },
      forward: (tensors, inputs, keys) =>
        forward(
          (name) => {
            const position = index.get(name);
            if (position === undefined) throw new Error(`the network has no parameter ${name}`);
            return tensors[position];
          },
          inputs,
          keys,
        ),
    };
  }
}

/** The columns of the index matrix. @returns C tensors int32 [N] */
export function indexColumns(inputs: NetworkInputs, unstack: (matrix: Tensor2D) => Tensor[]): Tensor1D[] {
  return inputs.categorical ? (unstack(inputs.categorical) as Tensor1D[]) : [];
}

import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { InitialValue, OpsModel } from '../../../contracts/model-function.js';
import { glorotUniform, heUniform, type Initializer, ones, zeros } from '../initializer.js';
import { type Network, NetworkBuilder } from '../network.js';
import { DropoutDraws } from './draw-dropout.js';

export function isOpsModel(model: unknown): model is OpsModel {
  const { parameters, forward } = (model ?? {}) as Partial<OpsModel>;
  return typeof parameters === 'object' && parameters !== null && typeof forward === 'function';
}

/**
 * A network of named parameters and a forward function.
 *
 * @throws Error when a parameter has no shape, or not so many numbers as its shape has
 */
export function opsNetwork(model: OpsModel, layout: FeatureLayout, outputs: number, seed: number): Network {
  const builder = new NetworkBuilder(layout, outputs);
  const names = Object.entries(model.parameters).map(([name, { shape, initial = 'glorot' }]) => {
    if (!Array.isArray(shape) || !shape.every((length) => Number.isInteger(length) && length > 0))
      throw new Error(`the parameter "${name}" has the shape ${JSON.stringify(shape)}, expected a list of whole numbers above 0`);
    return builder.parameter(name, [...(shape as number[])], initializerOf(name, initial, shape as number[]));
  });
  return builder.build(seed, (read, { categorical, numeric, image }, training) => {
    const draws = new DropoutDraws(training);
    const parameters = Object.fromEntries(names.map((name) => [name, read(name)]));
    const helpers = {
      training: training !== undefined,
      dropout: <T extends Tensor>(x: T, rate: number): T => draws.apply(x, rate),
    };
    return model.forward(parameters, { categorical, numeric, image }, helpers) as Tensor2D;
  });
}

function initializerOf(name: string, initial: InitialValue, shape: readonly number[]): Initializer {
  if (typeof initial === 'object') {
    const size = shape.reduce((product, length) => product * length, 1);
    if (initial.length !== size) throw new Error(`the parameter "${name}" is given ${initial.length} numbers, its shape has ${size}`);
    return { kind: 'values', values: initial };
  }
  // Of filters [height, width, inputs, outputs] each place counts.
  const area = shape.slice(0, -2).reduce((product, length) => product * length, 1);
  const fanIn = area * (shape.at(-2) ?? 1);
  const fanOut = area * (shape.at(-1) ?? 1);
  switch (initial) {
    case 'zeros':
      return zeros;
    case 'ones':
      return ones;
    case 'glorot':
      return glorotUniform(fanIn, fanOut);
    case 'he':
      return heUniform(fanIn);
    default:
      throw new Error(`the parameter "${name}" starts as ${JSON.stringify(initial)}, expected zeros, ones, glorot, he or numbers`);
  }
}

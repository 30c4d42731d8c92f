import { util } from '@tensorflow/tfjs-core';
import { operationName } from '../../graph/operation-name.js';
import type { Tape, TapeCall } from '../../graph/tape.js';

/**
 * Find out whether the rows of a mini-batch depend on each other, as far as a call says it: by a sum, a mean, an order or a product over
 * them. Pure.
 *
 * @param tape of the forward pass
 * @param batch rows that it was recorded with; divides no length of the network
 * @returns the function that works over the rows, as the model's code calls it
 */
export function mixesRows({ calls, values }: Tape, batch: number): string | undefined {
  const shapeOf = (id: number): readonly number[] => values[id].shape;
  const call = calls.find((each) => lengthsWorkedOver(each, shapeOf).some((length) => length % batch === 0));
  return call && operationName(call.kernel);
}

/** Lengths of the dimensions along which a call does more than the same for each of their elements. */
function lengthsWorkedOver({ kernel, inputs, attributes }: TapeCall, shapeOf: (id: number) => readonly number[]): number[] {
  const along = (axis: unknown): number[] => {
    const shape = [...shapeOf(inputs.x)];
    return util.parseAxisParam(axis as number | number[], shape).map((each) => shape[each]);
  };
  switch (kernel) {
    case 'Sum':
    case 'Mean':
    case 'Min':
    case 'Prod':
    case 'Any':
    case 'All':
    case 'ArgMax':
    case 'ArgMin':
    case 'Cumsum':
    case 'Cumprod':
      return along(attributes.axis);
    case 'Max':
      return along(attributes.reductionIndices);
    case 'Reverse':
      return along(attributes.dims);
    case 'BatchMatMul':
      return [shapeOf(inputs.a).at(attributes.transposeA ? -2 : -1)!];
    default:
      return [];
  }
}

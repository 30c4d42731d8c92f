import { dropoutHash, dropoutKernel, dropoutThreshold } from '../dropout-kernel.js';
import type { KernelCall, LoweringTable } from './kernel-call.js';

/** The mask of dropout: the hash of `dropoutMaskValues` in unsigned integers, which wrap around as it does. */
export const dropoutLowerings: LoweringTable = {
  [dropoutKernel]: { attributes: ['layer', 'shape', 'rate'], types: ['int32'], lower: dropoutMask },
};

const uint32Type = 12;

function dropoutMask(call: KernelCall): string {
  const [rows, units] = call.fixed(call.integers('shape'));
  const rate = call.number('rate');
  const keys = call.node('Cast', [call.input('keys')], { to: uint32Type }); // uint32 [2L]
  const key = (i: number) => call.node('Gather', [keys, call.int64(2 * call.number('layer') + i)], { axis: 0 }); // [1]
  const unsigned = (...values: number[]) => call.constant('uint32', Uint32Array.from(values));

  // An element's number times the step is a column plus a row, so that no constant has the mask's size; so is twice of it.
  const places = (step: number, start: string) => {
    const of = (count: number, by: number) => Uint32Array.from({ length: count }, (_, i) => Math.imul(i, by));
    const column = call.node('Add', [call.constant('uint32', of(rows, Math.imul(units, step)), [rows, 1]), start]); // [N, 1]
    return call.node('Add', [column, call.constant('uint32', of(units, step), [1, units])]); // uint32 [N, units]
  };
  const twicePlusOne = (x: string) => call.node('Add', [call.node('Add', [x, x]), unsigned(1)]);
  const foldDown = (x: string, shift: number) => call.node('Add', [x, call.node('BitShift', [x, unsigned(shift)], { direction: 'RIGHT' })]);
  const [shift, secondShift] = dropoutHash.shifts;
  const first = call.node('Mul', [places(dropoutHash.step, key(0)), places(2 * dropoutHash.step, twicePlusOne(key(0)))]);
  const scaled = call.node('Mul', [foldDown(first, shift), unsigned(dropoutHash.factor)]);
  const middle = foldDown(call.node('Add', [scaled, key(1)]), secondShift);
  const hash = call.node('Mul', [middle, twicePlusOne(middle)]); // uint32 [N, units]
  const dropped = call.node('Less', [hash, unsigned(dropoutThreshold(rate))]); // bool [N, units]
  return call.node('Where', [dropped, call.scalar(0), call.scalar(1 / (1 - rate))]); // [N, units]
}

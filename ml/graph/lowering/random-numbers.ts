import { dropoutKernel, dropoutThreshold } from '../dropout-kernel.js';
import { randomHash } from '../random-hash.js';
import { randomUniformKernel, uniformBits } from '../random-uniform-kernel.js';
import type { KernelCall, LoweringTable } from './kernel-call.js';

/** Random numbers: the hash of `hashElement` in unsigned integers, which wrap around as it does. */
export const randomNumberLowerings: LoweringTable = {
  [dropoutKernel]: {
    attributes: ['layer', 'shape', 'rate'],
    types: ['int32'],
    lower: (call) => {
      const rate = call.number('rate');
      const dropped = call.node('Less', [hash(call, call.number('layer')), unsigned(call, dropoutThreshold(rate))]); // bool [N, units]
      return call.node('Where', [dropped, call.scalar(0), call.scalar(1 / (1 - rate))]); // [N, units]
    },
  },
  [randomUniformKernel]: {
    attributes: ['stream', 'shape'],
    types: ['int32'],
    lower: (call) => {
      const high = call.node('BitShift', [hash(call, call.number('stream')), unsigned(call, 32 - uniformBits)], { direction: 'RIGHT' });
      return call.node('Mul', [call.node('Cast', [high], { to: floatType }), call.scalar(2 ** -uniformBits)]); // [rows, columns]
    },
  },
};

const floatType = 1;
const uint32Type = 12;

function unsigned(call: KernelCall, ...values: number[]): string {
  return call.constant('uint32', Uint32Array.from(values));
}

/** @returns uint32 of the call's shape; of later rows where the call says which is the first */
function hash(call: KernelCall, stream: number): string {
  const [rows, columns] = call.fixed(call.integers('shape'));
  const keys = call.node('Cast', [call.input('keys')], { to: uint32Type }); // uint32 [2S]
  const key = (i: number) => call.node('Gather', [keys, call.int64(2 * stream + i)], { axis: 0 }); // [1]

  const firstRow = call.has('firstRow') ? call.node('Cast', [call.input('firstRow')], { to: uint32Type }) : undefined; // uint32 []
  // An element's number times the step is a column plus a row, so that no constant has the result's size; so is twice of it.
  const places = (step: number, start: string) => {
    const of = (count: number, by: number) => Uint32Array.from({ length: count }, (_, i) => Math.imul(i, by));
    const perRow = Math.imul(columns, step);
    const from = firstRow ? call.node('Add', [start, call.node('Mul', [firstRow, unsigned(call, perRow)])]) : start; // [1]
    const column = call.node('Add', [call.constant('uint32', of(rows, perRow), [rows, 1]), from]); // [N, 1]
    return call.node('Add', [column, call.constant('uint32', of(columns, step), [1, columns])]); // uint32 [rows, columns]
  };
  const twicePlusOne = (x: string) => call.node('Add', [call.node('Add', [x, x]), unsigned(call, 1)]);
  const foldDown = (x: string, shift: number) =>
    call.node('Add', [x, call.node('BitShift', [x, unsigned(call, shift)], { direction: 'RIGHT' })]);
  const [shift, secondShift] = randomHash.shifts;
  const first = call.node('Mul', [places(randomHash.step, key(0)), places(2 * randomHash.step, twicePlusOne(key(0)))]);
  const scaled = call.node('Mul', [foldDown(first, shift), unsigned(call, randomHash.factor)]);
  const middle = foldDown(call.node('Add', [scaled, key(1)]), secondShift);
  return call.node('Mul', [middle, twicePlusOne(middle)]); // uint32 [rows, columns]
}

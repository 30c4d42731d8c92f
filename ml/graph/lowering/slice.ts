import { type KernelCall, type LoweringTable, anyType } from './kernel-call.js';

/** Kernels that cut a tensor apart. */
export const sliceLowerings: LoweringTable = {
  Slice: {
    attributes: ['begin', 'size'],
    types: anyType,
    // Axes that are taken whole are left out, so that a batch of any size passes.
    lower: (call) => {
      const shape = call.shape('x');
      const begin = call.integers('begin');
      const cut = shape.flatMap((length, axis) => (call.output.shape[axis] === length ? [] : [axis]));
      if (cut.length === 0) return call.input('x');
      const starts = cut.map((axis) => begin[axis] ?? 0);
      const ends = cut.map((axis, i) => starts[i] + call.output.shape[axis]);
      for (const axis of cut) call.fixed([shape[axis], call.output.shape[axis]]);
      return call.node('Slice', [call.input('x'), call.int64(...starts), call.int64(...ends), call.int64(...cut)]);
    },
  },
  SplitV: {
    attributes: ['numOrSizeSplits', 'axis'],
    types: anyType,
    lower: (call) => {
      const axis = call.axis('axis', call.shape('x').length, 0);
      return split(call, 'x', axis);
    },
  },
  Unpack: {
    attributes: ['axis'],
    types: anyType,
    lower: (call) => {
      const shape = call.shape('value');
      const axis = call.axis('axis', shape.length, 0);
      call.fixed([shape[axis]]);
      if (shape.length === 1)
        return call.outputs.map((_, i) => call.node('Gather', [call.input('value'), call.constant('int64', [i], [])]));
      const sizes = call.int64(...call.outputs.map(() => 1));
      const parts =
        call.outputs.length === 1
          ? [call.input('value')]
          : call.nodes('Split', [call.input('value'), sizes], call.outputs.length, { axis });
      return parts.map((part) => call.node('Squeeze', [part, call.int64(axis)]));
    },
  },
  Reverse: {
    attributes: ['dims'],
    types: anyType,
    lower: (call) => {
      const axes = call.axes('dims', 'x');
      if (axes.length === 0) return call.input('x');
      const [starts, ends, steps] = [-1, -(2 ** 31), -1].map((value) => call.int64(...axes.map(() => value)));
      return call.node('Slice', [call.input('x'), starts, ends, call.int64(...axes), steps]);
    },
  },
};

/** The lengths stand in the outputs' shapes, so a `-1` or a plain count needs no reading. */
function split(call: KernelCall, input: string, axis: number): string | string[] {
  if (call.outputs.length === 1) return call.input(input);
  const sizes = call.fixed(call.outputs.map(({ shape }) => shape[axis]));
  return call.nodes('Split', [call.input(input), call.int64(...sizes)], call.outputs.length, { axis });
}

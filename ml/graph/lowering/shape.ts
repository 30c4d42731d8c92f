import { type KernelCall, type LoweringTable, anyType } from './kernel-call.js';

/** Kernels that move elements without changing them, and those that make constant tensors of a given shape. */
export const shapeLowerings: LoweringTable = {
  Reshape: { attributes: ['shape'], types: anyType, lower: reshapeToOutput },
  ExpandDims: {
    attributes: ['dim'],
    types: anyType,
    lower: (call) => call.reshape(call.input('input'), call.output.shape),
  },
  Transpose: {
    attributes: ['perm'],
    types: anyType,
    lower: (call) => {
      const rank = call.shape('x').length;
      const reversed = Array.from({ length: rank }, (_, i) => rank - 1 - i);
      const perm = (call.attribute('perm') ?? null) === null ? reversed : call.integers('perm');
      return perm.every((axis, i) => axis === i) ? call.input('x') : call.node('Transpose', [call.input('x')], { perm });
    },
  },
  Concat: {
    attributes: ['axis'],
    types: anyType,
    lower: (call) => call.node('Concat', call.inputs, { axis: call.axis('axis', call.output.shape.length, 0) }),
  },
  Pack: {
    attributes: ['axis'],
    types: anyType,
    lower: (call) => {
      const axis = call.axis('axis', call.output.shape.length, 0);
      const slices = call.inputs.map((name) => call.node('Unsqueeze', [name, call.int64(axis)]));
      return call.node('Concat', slices, { axis });
    },
  },
  Tile: {
    attributes: ['reps'],
    types: anyType,
    lower: (call) => call.node('Tile', [call.input('x'), call.int64(...call.fixed(call.integers('reps')))]),
  },
  PadV2: {
    attributes: ['paddings', 'constantValue'],
    types: anyType,
    lower: (call) => {
      const paddings = call.attribute('paddings') as [number, number][];
      const pads = call.int64(...paddings.map(([before]) => before), ...paddings.map(([, after]) => after));
      return call.node('Pad', [call.input('x'), pads, call.scalar(call.number('constantValue', 0), call.value('x').dtype)]);
    },
  },
  ZerosLike: { types: anyType, lower: (call) => filledLike(call, 0) },
  OnesLike: { types: anyType, lower: (call) => filledLike(call, 1) },
};

function reshapeToOutput(call: KernelCall): string {
  return call.reshape(call.input('x'), call.output.shape);
}

function filledLike(call: KernelCall, value: number): string {
  return call.node('Expand', [call.scalar(value, call.output.dtype), call.node('Shape', [call.input('x')])]);
}

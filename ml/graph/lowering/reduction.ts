import { channelsFirstAxes } from './lowering-state.js';
import { type KernelCall, type Lowering, type LoweringTable, numericTypes } from './kernel-call.js';

/** Reductions. An axis attribute that is missing means all axes. */
export const reductionLowerings: LoweringTable = {
  Sum: reduction('axis', (call, x, axes, keepdims) => call.node('ReduceSum', [x, call.int64(...axes)], { keepdims })),
  Mean: reduction('axis', withAxesAttribute('ReduceMean'), ['float32']),
  Max: reduction('reductionIndices', withAxesAttribute('ReduceMax')),
  Min: reduction('axis', withAxesAttribute('ReduceMin')),
  Prod: reduction('axis', withAxesAttribute('ReduceProd')),
  Any: reduction('axis', onBooleans('ReduceMax'), ['bool']),
  All: reduction('axis', onBooleans('ReduceMin'), ['bool']),
  ArgMax: { attributes: ['axis'], types: numericTypes, lower: (call) => argument(call, 'ArgMax') },
  ArgMin: { attributes: ['axis'], types: numericTypes, lower: (call) => argument(call, 'ArgMin') },
};

type Reduce = (call: KernelCall, x: string, axes: number[], keepdims: number) => string;

/** Up to opset 17 the axes of these are an attribute. */
function withAxesAttribute(opType: string): Reduce {
  return (call, x, axes, keepdims) => call.node(opType, [x], { axes, keepdims });
}

function onBooleans(opType: string): Reduce {
  return (call, x, axes, keepdims) => {
    const numbers = call.node('Cast', [x], { to: 6 });
    return call.node('Cast', [call.node(opType, [numbers], { axes, keepdims })], { to: 9 });
  };
}

function reduction(axisAttribute: string, reduce: Reduce, types = numericTypes): Lowering {
  return {
    attributes: [axisAttribute, 'keepDims'],
    types,
    lower: (call) => {
      const shape = call.shape('x');
      const axes = call.axes(axisAttribute, 'x');
      // ONNX takes an empty list of axes as all of them; over lengths of one there is nothing to reduce.
      if (axes.every((axis) => shape[axis] === 1)) return call.reshape(call.input('x'), call.output.shape);
      const keepDims = call.flag('keepDims');
      const turned = call.knownChannelsFirst('x');
      // Without the channels, or without height and width, what is left stands in the same order either way.
      const isSameOrder = axes.includes(3) || (axes.includes(1) && axes.includes(2));
      if (turned === undefined || !(keepDims || isSameOrder)) return reduce(call, call.input('x'), axes, keepDims ? 1 : 0);
      const turnedAxes = axes.map((axis) => channelsFirstAxes[axis]).sort((a, b) => a - b);
      const reduced = reduce(call, turned, turnedAxes, keepDims ? 1 : 0);
      return keepDims ? { channelsFirst: reduced } : reduced;
    },
  };
}

function argument(call: KernelCall, opType: string): string {
  const axis = call.axis('axis', call.shape('x').length, 0);
  return call.node('Cast', [call.node(opType, [call.input('x')], { axis, keepdims: 0 })], { to: 6 });
}

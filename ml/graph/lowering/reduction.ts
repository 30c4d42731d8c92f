import { channelsFirstAxes } from './lowering-state.js';
import { type KernelCall, type Lowering, type LoweringTable, numericTypes } from './kernel-call.js';

const sum = reduction('axis', (call, x, axes, keepdims) => call.node('ReduceSum', [x, call.int64(...axes)], { keepdims }));

/** Reductions. An axis attribute that is missing means all axes. */
export const reductionLowerings: LoweringTable = {
  Sum: { ...sum, lower: (call) => sumOfRows(call) ?? sum.lower(call) },
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

/**
 * The sum over all axes but the last, as the gradient of a bias is: a product with a row of ones, since ORT adds up rows ten times
 * slower than it multiplies.
 *
 * @returns undefined where the sum is another one
 */
function sumOfRows(call: KernelCall): string | undefined {
  const shape = call.shape('x');
  const axes = call.axes('axis', 'x');
  const leading = shape.slice(0, -1);
  const isOfRows = shape.length > 1 && axes.length === leading.length && !axes.includes(leading.length);
  if (!isOfRows || call.value('x').dtype !== 'float32' || leading.some((length) => call.isDynamic(length))) return undefined;
  if (call.knownBlocked('x') !== undefined) return sumOfBlocks(call, shape);
  if (call.knownChannelsFirst('x') !== undefined) return undefined;
  const columns = shape[leading.length];
  const rows = leading.reduce((product, length) => product * length, 1);
  const x = leading.length === 1 ? call.input('x') : call.reshape(call.input('x'), [rows, columns]);
  const sums = call.node('MatMul', [call.constant('float32', new Float32Array(rows).fill(1)), x]); // [columns]
  return call.output.shape.length === 1 ? sums : call.reshape(sums, call.output.shape);
}

/** The same of images in blocks: the pixels of each image first, then the images. */
function sumOfBlocks(call: KernelCall, [batch, height, width, channels]: readonly number[]): string {
  const block = call.blockOf(channels)!;
  const ones = (count: number) => call.constant('float32', new Float32Array(count).fill(1), [1, count]);
  const pixels = call.reshape(call.knownBlocked('x')!, [(batch * channels) / block, height * width, block]);
  const ofImages = call.reshape(call.node('MatMul', [ones(height * width), pixels]), [batch, channels]);
  return call.reshape(call.node('MatMul', [ones(batch), ofImages]), call.output.shape);
}

function argument(call: KernelCall, opType: string): string {
  const axis = call.axis('axis', call.shape('x').length, 0);
  return call.node('Cast', [call.node(opType, [call.input('x')], { axis, keepdims: 0 })], { to: 6 });
}

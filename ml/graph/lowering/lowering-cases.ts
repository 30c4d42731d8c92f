import * as tf from '@tensorflow/tfjs-core';
import { affineSample } from '../affine-sample-kernel.js';
import { dropoutMask } from '../dropout-kernel.js';
import { randomUniform } from '../random-uniform-kernel.js';
import type { Computation, RandomInput } from './compare-with-eager.js';

/** What a lowering is compared on; every kernel that can be lowered stands in at least one. */
export interface LoweringCase {
  readonly label: string;
  readonly inputs: Readonly<Record<string, RandomInput>>;
  readonly compute: Computation;
}

const float = (...shape: number[]): RandomInput => ({ shape, dtype: 'float32' });
const positive = (...shape: number[]): RandomInput => ({ shape, dtype: 'float32', low: 0.1, high: 3 });
const integer = (high: number, ...shape: number[]): RandomInput => ({ shape, dtype: 'int32', high });
const bool = (...shape: number[]): RandomInput => ({ shape, dtype: 'bool' });

/** A kernel called by its name, for attributes that tfjs' own functions tidy up before the call. */
function kernel(name: string, inputs: Record<string, tf.Tensor>, attributes: Record<string, unknown> = {}): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attributes as unknown as tf.NamedAttrMap) as tf.Tensor;
}

function unary(op: (x: tf.Tensor) => tf.Tensor, label: string, ...inputs: RandomInput[]): LoweringCase[] {
  const given = inputs.length > 0 ? inputs : [float(3, 5)];
  return given.map((x, i) => ({ label: given.length > 1 ? `${label} (${i})` : label, inputs: { x }, compute: (t) => op(t.x) }));
}

function binary(op: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, label: string, a: RandomInput, b: RandomInput): LoweringCase {
  return { label, inputs: { a, b }, compute: (t) => op(t.a, t.b) };
}

const special: RandomInput = { shape: [8], dtype: 'float32', values: [-Infinity, -1e-8, -0.5, 0, 1e-8, 1e-4, 2, 60] };
const largeMagnitudes: RandomInput = { shape: [5], dtype: 'float32', values: [-200, -30, 0, 30, 200] };
const halves: RandomInput = { shape: [6], dtype: 'float32', values: [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5] };

export const elementwiseCases: readonly LoweringCase[] = [
  ...unary(tf.abs, 'abs', float(3, 5), { ...integer(9, 4), values: [-3, 0, 2, 7] }),
  ...unary(tf.neg, 'neg', float(2), integer(9, 4)),
  ...unary(tf.sign, 'sign', { shape: [3], dtype: 'float32', values: [-2, 0, 3] }),
  ...unary(tf.exp, 'exp'),
  ...unary(tf.log, 'log', positive(7)),
  ...unary(tf.sqrt, 'sqrt', positive(7)),
  ...unary(tf.rsqrt, 'rsqrt', positive(7)),
  ...unary(tf.reciprocal, 'reciprocal', positive(7)),
  ...unary(tf.square, 'square', float(2, 2), integer(9, 4)),
  ...unary(tf.floor, 'floor', halves),
  ...unary(tf.ceil, 'ceil', halves),
  ...unary(tf.round, 'round to even', halves),
  ...unary(tf.erf, 'erf'),
  ...unary(tf.sin, 'sin'),
  ...unary(tf.cos, 'cos'),
  ...unary(tf.expm1, 'expm1, exact near zero', float(5), special),
  ...unary(tf.log1p, 'log1p, exact near zero', positive(5), {
    shape: [7],
    dtype: 'float32',
    values: [-0.9, -1e-8, 0, 1e-8, 1e-4, 1e6, Infinity],
  }),
  ...unary((x) => tf.clipByValue(x, -0.5, 1), 'clip'),
  ...unary(tf.sigmoid, 'sigmoid', float(4), largeMagnitudes),
  ...unary(tf.tanh, 'tanh', float(4), largeMagnitudes),
  ...unary(tf.softplus, 'softplus', float(4), largeMagnitudes),
  ...unary(tf.elu, 'elu'),
  ...unary(tf.selu, 'selu'),
  ...unary(tf.relu, 'relu', float(3, 5), { ...float(3), values: [-1, 0, 1] }),
  ...unary(tf.relu6, 'relu6', { ...float(4), low: -3, high: 12 }),
  ...unary((x) => tf.leakyRelu(x, 1), 'leaky relu with a whole alpha'),
  ...unary((x) => tf.leakyRelu(x, 0.3), 'leaky relu'),
  ...unary((x) => tf.step(x), 'step', { shape: [3], dtype: 'float32', values: [-1, 0, 1] }),
  ...unary((x) => tf.step(x, -1), 'step with alpha −1', { shape: [3], dtype: 'float32', values: [-1, 0, 1] }),
  ...unary((x) => tf.add(tf.relu(x), tf.step(x)), 'step of what a relu rectified'),
  ...unary((x) => tf.add(tf.relu(x), tf.step(x, 0.25)), 'step with alpha of what a relu rectified'),
  ...unary((x) => tf.cast(x, 'int32'), 'cast of a fraction to int32', halves),
  ...unary((x) => tf.cast(x, 'bool'), 'cast to bool', { shape: [3], dtype: 'float32', values: [0, 0.5, -2] }),
  ...unary((x) => tf.cast(x, 'float32'), 'cast of int32 and of bool to float32', integer(9, 4), bool(4)),
  ...unary((x) => kernel('IsNan', { x }), 'isNaN', { shape: [3], dtype: 'float32', values: [0, NaN, Infinity] }),
  ...unary(tf.logicalNot, 'not', bool(6)),
  ...unary((x) => kernel('ZerosLike', { x }), 'zerosLike', float(2, 3), integer(4, 2)),
  ...unary((x) => kernel('OnesLike', { x }), 'onesLike', float(2, 3), integer(4, 2)),
  binary(tf.add, 'add with broadcasting', float(3, 1, 4), float(2, 1)),
  binary(tf.sub, 'sub of a scalar', float(3, 2), float()),
  binary(tf.mul, 'mul with broadcasting', float(3, 1), float(4)),
  binary(tf.mul, 'mul of int32', integer(9, 4), integer(9, 4)),
  binary(tf.div, 'div with broadcasting', float(2, 3), positive(3)),
  binary(tf.maximum, 'maximum', float(2, 3), float(3)),
  binary(tf.minimum, 'minimum of int32', integer(9, 5), integer(9, 5)),
  binary(tf.pow, 'pow', positive(2, 3), float(3)),
  binary(tf.floorDiv, 'floorDiv of negative numbers', float(6), positive(6)),
  binary(tf.squaredDifference, 'squaredDifference', float(2, 3), float(3)),
  binary((a, b) => tf.prelu(a, b), 'prelu with a slope per column', float(4, 3), float(3)),
  binary((dy, y) => kernel('EluGrad', { dy, y }), 'gradient of elu', float(3, 4), { ...float(3, 4), low: -1 }),
  { label: 'addN', inputs: { a: float(2, 2), b: float(2, 2), c: float(2, 2) }, compute: (t) => tf.addN([t.a, t.b, t.c]) },
  ...unary((x) => tf.mul(x, tf.ones([3, 4])), 'mul by ones of its shape', float(3, 4)),
  ...unary((x) => tf.mul(tf.ones([3, 4]), x), 'mul by ones of a larger shape', float(3, 1)),
  ...[tf.greater, tf.greaterEqual, tf.less, tf.lessEqual, tf.equal, tf.notEqual].flatMap((op) => [
    binary(op, `${op.name.replace('__op', '')} of int32 with broadcasting`, integer(3, 4, 3), integer(3, 3)),
    binary(op, `${op.name.replace('__op', '')} of float32`, { ...float(3), values: [1, 2, 3] }, { ...float(3), values: [1, 3, 2] }),
  ]),
  binary(tf.logicalAnd, 'and', bool(2, 4), bool(4)),
  binary(tf.logicalOr, 'or', bool(2, 4), bool(4)),
  { label: 'where', inputs: { c: bool(2, 3), a: float(2, 3), b: float(2, 3) }, compute: (t) => tf.where(t.c, t.a, t.b) },
];

const reductions = ['Sum', 'Mean', 'Max', 'Min', 'Prod'] as const;

export const reductionCases: readonly LoweringCase[] = [
  ...reductions.flatMap((name) => {
    const axis = name === 'Max' ? 'reductionIndices' : 'axis';
    return [
      ...unary((x) => kernel(name, { x }, { [axis]: null, keepDims: false }), `${name} over all axes (null)`, float(2, 3, 4)),
      ...unary((x) => kernel(name, { x }, { [axis]: [-1], keepDims: false }), `${name} over axis −1`, float(2, 3, 4)),
      ...unary((x) => kernel(name, { x }, { [axis]: 0, keepDims: false }), `${name} over the first axis`, float(5, 3)),
      ...unary((x) => kernel(name, { x }, { [axis]: [1], keepDims: false }), `${name} over an axis of length one`, float(5, 1, 3)),
    ];
  }),
  ...unary((x) => tf.sum(x, [0, -1], true), 'Sum over two axes, kept', float(2, 3, 4)),
  ...unary((x) => tf.mean(x, 1, true), 'Mean over an axis, kept', float(2, 3, 4)),
  ...unary((x) => tf.max(x, 1, true), 'Max over an axis, kept', float(2, 3, 4)),
  ...unary((x) => tf.sum(x, []), 'Sum over no axis', float(2, 3)),
  ...unary((x) => tf.sum(x, 0), 'Sum of int32', integer(9, 4, 2)),
  ...unary((x) => tf.all(x, 1), 'all', { shape: [2, 2], dtype: 'bool', values: [1, 1, 0, 1] }),
  ...unary((x) => tf.any(x, 0), 'any', { shape: [2, 2], dtype: 'bool', values: [0, 1, 0, 0] }),
  ...unary((x) => tf.argMax(x, -1), 'argMax, first of equals', { shape: [2, 3], dtype: 'float32', values: [1, 3, 3, 5, 2, 5] }),
  ...unary((x) => tf.argMin(x, 0), 'argMin', float(4, 3)),
  ...unary((x) => tf.softmax(x), 'softmax', float(3, 4), largeMagnitudes),
];

function matMulCase(aShape: number[], bShape: number[], transposeA: boolean, transposeB: boolean): LoweringCase {
  const label = `matMul [${aShape.join()}]${transposeA ? 'ᵀ' : ''} · [${bShape.join()}]${transposeB ? 'ᵀ' : ''}`;
  return binary((a, b) => tf.matMul(a, b, transposeA, transposeB), label, float(...aShape), float(...bShape));
}

export const matMulCases: readonly LoweringCase[] = [
  matMulCase([3, 4], [4, 5], false, false),
  matMulCase([4, 3], [4, 5], true, false),
  matMulCase([3, 4], [5, 4], false, true),
  matMulCase([4, 3], [5, 4], true, true),
  matMulCase([2, 4, 3], [2, 4, 5], true, false),
  matMulCase([2, 3, 4], [5, 4], false, true),
  ...(['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const).map((activation): LoweringCase => ({
    label: `fused matMul with bias and ${activation}`,
    inputs: { a: float(3, 4), b: float(4, 5), bias: float(5) },
    compute: ({ a, b, bias }) => tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias, activation, leakyreluAlpha: 0.3 }),
  })),
  binary(
    (a, b) => tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, transposeA: true, transposeB: true }),
    'fused matMul without bias, both transposed',
    float(4, 3),
    float(5, 4),
  ),
];

export const shapeCases: readonly LoweringCase[] = [
  ...unary((x) => tf.reshape(tf.neg(x), [3, -1]), 'reshape', float(2, 6)),
  ...unary((x) => kernel('ExpandDims', { input: tf.neg(x) }, { dim: -1 }), 'expandDims at the end', float(2, 3)),
  ...unary((x) => tf.transpose(x), 'transpose, reversed', float(2, 3, 4)),
  ...unary((x) => tf.transpose(x, [1, 0, 2]), 'transpose', float(2, 3, 4)),
  ...unary((x) => kernel('Transpose', { x }, { perm: [0, 1] }), 'transpose that moves nothing', float(2, 3)),
  binary((a, b) => tf.concat([a, b], -1), 'concat along axis −1', float(2, 3), float(2, 1)),
  binary((a, b) => tf.stack([a, b], 1), 'stack', float(2, 3), float(2, 3)),
  ...unary((x) => tf.tile(x, [2, 3]), 'tile', float(2, 2)),
  ...unary(
    (x) =>
      tf.pad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        7,
      ),
    'pad with a value',
    float(2, 2),
    integer(5, 2, 2),
  ),
  { label: 'split into sizes', inputs: { x: float(2, 7) }, compute: ({ x }) => tf.split(x, [1, 4, -1], 1) },
  { label: 'split into equal parts', inputs: { x: float(6, 2) }, compute: ({ x }) => tf.split(x, 3) },
  { label: 'split into one part', inputs: { x: float(6, 2) }, compute: ({ x }) => tf.split(x, 1) },
  { label: 'unstack along axis −1', inputs: { x: integer(9, 4, 3) }, compute: ({ x }) => tf.unstack(x, -1) },
  { label: 'unstack of a single column', inputs: { x: float(4, 1) }, compute: ({ x }) => tf.unstack(x, 1) },
  ...unary((x) => tf.slice(x, [1, 0], [2, -1]), 'slice', float(4, 3)),
  ...unary((x) => tf.slice(x, 1), 'slice from an offset', float(4, 3)),
  ...unary((x) => tf.slice(x, [0, 0], [4, 3]), 'slice of everything', float(4, 3)),
  ...unary((x) => tf.reverse(x, [-1]), 'reverse an axis', float(2, 3)),
  ...unary((x) => tf.reverse(x), 'reverse all axes', float(2, 3)),
];

export const gatherCases: readonly LoweringCase[] = [
  binary((a, b) => tf.gather(a, b as tf.Tensor1D), 'gather rows', float(5, 3), integer(5, 8)),
  binary((a, b) => tf.gather(a, b as tf.Tensor1D, -1), 'gather along axis −1', float(2, 5), integer(5, 3)),
  binary((a, b) => tf.gather(a, b as tf.Tensor2D), 'gather by a matrix of indices', float(5, 3), integer(5, 2, 4)),
  binary((a, b) => tf.unsortedSegmentSum(a, b as tf.Tensor1D, 6), 'segment sum of rows, some segments empty', float(40, 3), integer(4, 40)),
  binary((a, b) => tf.unsortedSegmentSum(a, b as tf.Tensor1D, 4), 'segment sum of a vector', float(40), integer(4, 40)),
  binary((a, b) => tf.unsortedSegmentSum(a, b as tf.Tensor1D, 3), 'segment sum of matrices', float(9, 2, 2), integer(3, 9)),
  ...unary((x) => tf.oneHot(x, 4), 'oneHot, indices outside give nothing', { shape: [5], dtype: 'int32', values: [0, 3, -1, 4, 2] }),
  ...unary((x) => tf.oneHot(x, 3, 2.5, -1, 'float32'), 'oneHot of a matrix with other values', integer(3, 2, 2)),
  ...unary((x) => tf.oneHot(x, 3, 1, 0, 'float32'), 'oneHot as float32', integer(3, 4)),
  ...unary((x) => tf.oneHot(x, 3, 1, 0, 'bool'), 'oneHot as bool', integer(3, 4)),
];

const keys: RandomInput = { shape: [6], dtype: 'int32', values: [7, -8, 0x7fff_ffff, -0x8000_0000, 0, -1] };

export const randomNumberCases: readonly LoweringCase[] = [
  [0, 0.5, 4, 6],
  [1, 0.1, 33, 17],
  [2, 0.9, 1, 500],
].flatMap(([stream, rate, rows, columns]): LoweringCase[] => [
  {
    label: `dropout mask of layer ${stream}, ${rows} × ${columns} at ${rate}`,
    inputs: { keys },
    compute: (t) => dropoutMask(t.keys as tf.Tensor1D, stream, [rows, columns], rate),
  },
  {
    label: `dropout mask of layer ${stream}, ${rows} × ${columns} at ${rate}, from row 70,000`,
    inputs: { keys, firstRow: { shape: [], dtype: 'int32', values: [70_000] } },
    compute: (t) => dropoutMask(t.keys as tf.Tensor1D, stream, [rows, columns], rate, t.firstRow),
  },
  {
    label: `uniform numbers of stream ${stream}, ${rows} × ${columns}`,
    inputs: { keys },
    compute: (t) => randomUniform(t.keys as tf.Tensor1D, stream, [rows, columns]),
  },
]);

const identity = [1, 0, 0, 0, 1, 0];
const mirrored = [-1, 0, 0, 0, 1, 0];
const turned = [0.8, -0.6, 0.1, 0.6, 0.8, -0.3];
const enlarged = [0.5, 0, 0.25, 0, 0.5, -0.25];
const farAway = [1, 0, 5, 0, 1, 0];

export const affineCases: readonly LoweringCase[] = [1, 3].map((channels) => ({
  label: `images of ${channels} channels seen through affine maps`,
  inputs: {
    images: { shape: [5, 6, 8, channels], dtype: 'float32' },
    maps: { shape: [5, 6], dtype: 'float32', values: [identity, mirrored, turned, enlarged, farAway].flat() },
  },
  compute: ({ images, maps }) => tf.mul(affineSample(images as tf.Tensor4D, maps as tf.Tensor2D), 0.5),
}));

/** Whole gradients, so that what tfjs derives passes through the lowerings too. */
export const gradientCases: readonly LoweringCase[] = [
  ...unary((x) => tf.grad((y) => tf.sum(tf.abs(y)))(x), 'gradient of abs'),
  ...unary((x) => tf.grad((y) => tf.mean(tf.logSoftmax(y as tf.Tensor2D)))(x), 'gradient of logSoftmax', float(3, 4)),
  ...unary((x) => tf.grad((y) => tf.mean(tf.square(tf.relu(y)), 0))(x), 'gradient of relu and a mean over an axis', float(3, 4)),
  ...unary((x) => tf.grad((y) => tf.max(tf.leakyRelu(y, 0.1), 1))(x), 'gradient of leaky relu and max', float(3, 4)),
  ...unary((x) => tf.grad((y) => tf.sum(tf.selu(tf.sin(tf.erf(tf.clipByValue(y, -1, 1))))))(x), 'gradient of selu, sin, erf and clip'),
  binary(
    (a, b) => tf.grad((y) => tf.sum(tf.square(tf.gather(y, b as tf.Tensor1D, 1))))(a),
    'gradient of a gather along axis 1',
    float(2, 5),
    integer(5, 7),
  ),
];

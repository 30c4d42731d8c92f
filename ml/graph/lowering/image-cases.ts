import * as tf from '@tensorflow/tfjs-core';
import type { RandomInput } from './compare-with-eager.js';
import type { LoweringCase } from './lowering-cases.js';

type Padding = 'same' | 'valid' | number | [[number, number], [number, number], [number, number], [number, number]];
interface Window {
  readonly image: readonly [number, number, number, number];
  readonly filter: readonly [number, number];
  readonly strides?: [number, number];
  readonly pad: Padding;
  readonly dilations?: [number, number];
  readonly rounding?: 'floor' | 'round' | 'ceil';
}

/** Small whole numbers, so that sums come out exactly in any order, and windows hold equal largest elements. */
function whole(...shape: number[]): RandomInput {
  const size = shape.reduce((product, length) => product * length, 1);
  return { shape, dtype: 'float32', values: Array.from({ length: size }, (_, i) => ((i * i + 3 * i) % 11) - 5) };
}

const uneven: Padding = [
  [0, 0],
  [2, 0],
  [1, 2],
  [0, 0],
];
const windows: readonly Window[] = [
  { image: [2, 6, 5, 3], filter: [3, 3], pad: 'same' },
  { image: [2, 6, 5, 3], filter: [3, 2], pad: 'valid' },
  { image: [2, 7, 8, 3], filter: [3, 3], strides: [2, 2], pad: 'same' },
  { image: [1, 8, 7, 2], filter: [3, 2], strides: [3, 2], pad: 'valid' },
  { image: [1, 5, 6, 2], filter: [2, 3], strides: [2, 2], pad: 1 },
  { image: [1, 7, 7, 2], filter: [3, 3], strides: [3, 3], pad: 1, rounding: 'ceil' },
  { image: [2, 6, 6, 1], filter: [3, 3], strides: [1, 2], pad: uneven },
  { image: [2, 5, 5, 1], filter: [2, 2], strides: [2, 2], pad: 'valid' },
  { image: [2, 4, 4, 3], filter: [1, 1], strides: [2, 2], pad: 'same' },
  { image: [2, 3, 3, 4], filter: [3, 3], pad: 'valid' },
];
const dilated: readonly Window[] = [
  { image: [1, 9, 8, 2], filter: [3, 2], pad: 'same', dilations: [2, 3] },
  { image: [1, 9, 8, 2], filter: [2, 3], pad: 'valid', dilations: [3, 1] },
];

function label(kind: string, { image, filter, strides = [1, 1], pad, dilations, rounding }: Window): string {
  const rest = [dilations && `dilations ${dilations.join(' ')}`, rounding].filter(Boolean).join(', ');
  return `${kind} of [${image.join()}] by ${filter.join('×')}, strides ${strides.join(' ')}, padding ${JSON.stringify(pad)}${rest && `, ${rest}`}`;
}

type Convolution = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor;

/** The value, and the gradients of a function whose own gradient differs from element to element. */
function valueAndGradients(op: Convolution): LoweringCase['compute'] {
  return ({ x, filter }) => {
    const { value, grads } = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.square(op(a as tf.Tensor4D, b as tf.Tensor4D))))([
      x,
      filter,
    ]);
    return [value, ...grads];
  };
}

function convolution({ strides = [1, 1], pad, dilations, rounding }: Window): Convolution {
  return (x, filter) => tf.conv2d(x, filter, strides, pad, 'NHWC', dilations, rounding);
}

function depthwise({ strides = [1, 1], pad, dilations, rounding }: Window): Convolution {
  return (x, filter) => tf.depthwiseConv2d(x, filter, strides, pad, 'NHWC', dilations, rounding);
}

const convolutionInputs = ({ image, filter }: Window, outputs: number) => ({
  x: whole(...image),
  filter: whole(...filter, image[3], outputs),
});

export const convolutionCases: readonly LoweringCase[] = [
  ...[...windows, ...dilated].map((window) => ({
    label: label('conv2d', window),
    inputs: convolutionInputs(window, 4),
    compute: ({ x, filter }: Record<string, tf.Tensor>) => convolution(window)(x as tf.Tensor4D, filter as tf.Tensor4D),
  })),
  ...windows.map((window) => ({
    label: label('gradients of conv2d', window),
    inputs: convolutionInputs(window, 4),
    compute: valueAndGradients(convolution(window)),
  })),
  ...[...windows.filter(({ strides = [1, 1] }) => strides[0] === strides[1]), ...dilated].map((window) => ({
    label: label('depthwise', window),
    inputs: convolutionInputs(window, 2),
    compute: ({ x, filter }: Record<string, tf.Tensor>) => depthwise(window)(x as tf.Tensor4D, filter as tf.Tensor4D),
  })),
  ...windows
    .filter(({ strides = [1, 1] }) => strides[0] === strides[1])
    .map((window) => ({
      label: label('gradients of depthwise', window),
      inputs: convolutionInputs(window, 2),
      compute: valueAndGradients(depthwise(window)),
    })),
  ...(['linear', 'relu', 'elu'] as const).map((activation): LoweringCase => ({
    label: `fused convolutions with bias and ${activation}`,
    inputs: { x: whole(2, 5, 5, 3), filter: whole(3, 3, 3, 2), bias: whole(2), depthwiseFilter: whole(3, 3, 2, 1) },
    compute: ({ x, filter, bias, depthwiseFilter }) => {
      const shared = { strides: 1, pad: 'same', bias, activation } as const;
      const inner = tf.fused.conv2d({ x: x as tf.Tensor4D, filter: filter as tf.Tensor4D, ...shared });
      return tf.fused.depthwiseConv2d({ x: inner, filter: depthwiseFilter as tf.Tensor4D, ...shared });
    },
  })),
];

type Pool = (x: tf.Tensor4D) => tf.Tensor;

function poolCases(kind: string, op: (window: Window) => Pool, gradientOf: (window: Window) => boolean): LoweringCase[] {
  return windows.flatMap((window): LoweringCase[] => {
    const inputs = { x: whole(...window.image) };
    const value: LoweringCase = { label: label(kind, window), inputs, compute: ({ x }) => op(window)(x as tf.Tensor4D) };
    const gradient: LoweringCase = {
      label: label(`gradient of ${kind}`, window),
      inputs,
      compute: ({ x }) => tf.grad((y) => tf.sum(tf.square(op(window)(y as tf.Tensor4D))))(x),
    };
    return gradientOf(window) ? [value, gradient] : [value];
  });
}

export const poolingCases: readonly LoweringCase[] = [
  // The gradients of tfjs leave the rounding mode out.
  ...poolCases(
    'max pool',
    ({ filter, strides = [1, 1], pad, rounding }) =>
      (x) =>
        tf.maxPool(x, [...filter], strides, pad, rounding),
    ({ rounding, filter }) => rounding === undefined && filter[0] > 1,
  ),
  ...poolCases(
    'average pool',
    ({ filter, strides = [1, 1], pad, rounding }) =>
      (x) =>
        tf.avgPool(x, [...filter], strides, pad, rounding),
    ({ rounding, pad }) => rounding === undefined && pad === 'valid',
  ),
  {
    label: 'global pooling and its gradient',
    inputs: { x: whole(2, 4, 4, 5), filter: whole(2, 2, 5, 3) },
    compute: ({ x, filter }) => {
      const pooled = (y: tf.Tensor) => {
        const image = tf.conv2d(y as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same');
        return tf.concat([tf.mean(image, [1, 2]), tf.max(image, [1, 2])], 1);
      };
      return [pooled(x), tf.grad((y) => tf.sum(tf.square(pooled(y))))(x)];
    },
  },
];

export const imageCases: readonly LoweringCase[] = [
  {
    label: 'element-wise kernels and sums between convolutions',
    inputs: { x: whole(2, 4, 5, 3), filter: whole(2, 2, 3, 3), bias: whole(3), map: whole(2, 4, 5, 3) },
    compute: ({ x, filter, bias, map }) => {
      const layer = (y: tf.Tensor) => tf.relu(tf.add(tf.conv2d(y as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same'), bias));
      const y = tf.sub(layer(layer(x)), map);
      const centered = tf.sub(y, tf.mean(y, [0, 1, 2], true));
      return [
        tf.div(centered, 16),
        tf.sum(y, [0, 1, 2]),
        tf.max(y, 1),
        tf.min(y, [2]),
        tf.reshape(y, [2, -1]),
        tf.transpose(y, [3, 0, 1, 2]),
      ];
    },
  },
  {
    label: 'gradients of bias and rectifier between convolutions',
    inputs: { x: whole(2, 4, 5, 2), filter: whole(2, 2, 2, 2), bias: whole(2) },
    compute: ({ x, filter, bias }) => {
      const layer = (y: tf.Tensor, w: tf.Tensor, b: tf.Tensor) =>
        tf.relu(tf.add(tf.conv2d(y as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'), b));
      return tf.grads((w: tf.Tensor, b: tf.Tensor) => tf.mean(layer(layer(x, w, b), w, b)))([filter, bias]);
    },
  },
  ...[true, false].map((affine): LoweringCase => ({
    label: `batch normalization ${affine ? 'with' : 'without'} scale and offset`,
    inputs: {
      x: whole(2, 3, 4, 3),
      mean: whole(3),
      variance: { shape: [3], dtype: 'float32', low: 0.5, high: 3 },
      offset: whole(3),
      scale: whole(3),
    },
    compute: ({ x, mean, variance, offset, scale }) =>
      tf.batchNorm(
        tf.neg(x),
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        affine ? (offset as tf.Tensor1D) : undefined,
        affine ? (scale as tf.Tensor1D) : undefined,
        0.01,
      ),
  })),
  {
    label: 'gradients of batch normalization by the statistics of the batch',
    inputs: { x: { shape: [2, 3, 4, 3], dtype: 'float32' }, offset: whole(3), scale: whole(3) },
    compute: ({ x, offset, scale }) =>
      tf.grads((y: tf.Tensor, b: tf.Tensor, g: tf.Tensor) => {
        const { mean, variance } = tf.moments(y, [0, 1, 2]);
        return tf.mean(tf.sigmoid(tf.batchNorm(y, mean as tf.Tensor1D, variance as tf.Tensor1D, b as tf.Tensor1D, g as tf.Tensor1D, 0.01)));
      })([x, offset, scale]),
  },
  {
    label: 'images enlarged by repeating pixels',
    inputs: { x: whole(1, 3, 4, 3) },
    compute: ({ x }) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [3, 8]),
  },
  {
    label: 'images enlarged by repeating pixels between convolutions, and the gradient',
    inputs: { x: whole(1, 3, 4, 3), filter: whole(2, 2, 3, 3) },
    compute: ({ x, filter }) => {
      const enlarge = (y: tf.Tensor, centers = false) => tf.image.resizeNearestNeighbor(y as tf.Tensor4D, [6, 12], false, centers);
      const layer = (y: tf.Tensor) => tf.square(enlarge(tf.conv2d(y as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same')));
      return [enlarge(x), enlarge(tf.neg(x), true), layer(x), ...tf.grads((y: tf.Tensor) => tf.sum(layer(y)))([x])];
    },
  },
];

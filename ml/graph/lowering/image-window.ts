import { backend_util } from '@tensorflow/tfjs-core';
import type { KernelCall } from './kernel-call.js';

type Pair = readonly [number, number];

/** How a filter goes over an image; each pair is height, width. */
export interface ImageWindow {
  readonly filter: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly before: Pair;
  readonly after: Pair;
  readonly input: Pair;
  readonly output: Pair;
  /** Rows and columns at the end that no position of the filter reaches; at least 0, below the stride. */
  readonly rest: Pair;
  /** [top, left, bottom, right] */
  readonly pads: readonly number[];
}

/** The window of a convolution. @param filterShape [height, width, …] */
export function convolutionWindow(
  call: KernelCall,
  input: readonly number[],
  filterShape: readonly number[],
  depthwise: boolean,
): ImageWindow {
  const format = call.attribute('dataFormat') ?? 'NHWC';
  if (format !== 'NHWC') call.refuse(`has dataFormat=${JSON.stringify(format)}, expected "NHWC"`);
  const strides = pair(call, 'strides', 1);
  const dilations = pair(call, 'dilations', 1);
  const { pad, rounding } = padding(call);
  const shape = (lengths: readonly number[]) => lengths as [number, number, number, number];
  const info = backend_util.computeConv2DInfo(shape(input), shape(filterShape), strides, dilations, pad, rounding, depthwise);
  return window(call, info);
}

/** The window of a pooling kernel. */
export function poolingWindow(call: KernelCall, input: readonly number[]): ImageWindow {
  const { pad, rounding } = padding(call);
  const strides = pair(call, 'strides', 1);
  const shape = input as [number, number, number, number];
  const made = window(call, backend_util.computePool2DInfo(shape, pair(call, 'filterSize'), strides, 1, pad, rounding));
  const isWithin = (pads: Pair) => pads.every((length, i) => length < made.filter[i]);
  if (!isWithin(made.before) || !isWithin(made.after)) call.refuse('pads by as much as its filter is long');
  return made;
}

function window(call: KernelCall, info: backend_util.Conv2DInfo): ImageWindow {
  const filter: Pair = [info.filterHeight, info.filterWidth];
  const strides: Pair = [info.strideHeight, info.strideWidth];
  const dilations: Pair = [info.dilationHeight, info.dilationWidth];
  const input: Pair = [info.inHeight, info.inWidth];
  const output: Pair = [info.outHeight, info.outWidth];
  const before: Pair = [info.padInfo.top, info.padInfo.left];
  // Where tfjs rounds the output's size up, its last positions reach over the end.
  const reach = (i: number) => (output[i] - 1) * strides[i] + (filter[i] - 1) * dilations[i] + 1;
  const end = (i: number, given: number) => Math.max(given, reach(i) - input[i] - before[i]);
  const after: Pair = [end(0, info.padInfo.bottom), end(1, info.padInfo.right)];
  const left = (i: number) => input[i] + before[i] + after[i] - reach(i);
  const rest: Pair = [left(0), left(1)];
  if (rest.some((length, i) => length >= strides[i]) || output.some((length) => length < 1)) {
    call.refuse(`makes an image of ${output.join(' × ')} out of ${input.join(' × ')}, which is not what its window reaches`);
  }
  return { filter, strides, dilations, before, after, input, output, rest, pads: [...before, ...after] };
}

function pair(call: KernelCall, name: string, fallback?: number): [number, number] {
  if (fallback !== undefined && (call.attribute(name) ?? null) === null) return [fallback, fallback];
  const [height, width = height] = call.integers(name);
  return [height, width];
}

function padding(call: KernelCall) {
  const pad = call.attribute('pad') as 'valid' | 'same' | number | backend_util.ExplicitPadding;
  const rounding = (call.attribute('dimRoundingMode') ?? undefined) as 'floor' | 'round' | 'ceil' | undefined;
  return { pad, rounding };
}

import type { ImageResult, KernelCall, LoweringTable } from './kernel-call.js';

const attributes = ['size', 'alignCorners', 'halfPixelCenters'];
const refuses = 'other than enlarging by whole factors; aligned corners';

/** Enlarging images by repeating pixels, as `upSampling2d` does, and its gradient. */
export const resizingLowerings: LoweringTable = {
  // By a whole factor, the centres of pixels and their corners have the same nearest pixel.
  ResizeNearestNeighbor: { refuses, attributes, lower: repeatPixels },
  ResizeNearestNeighborGrad: { refuses, attributes, lower: sumOfCopies },
};

function repeatPixels(call: KernelCall): ImageResult {
  const from = call.shape('images');
  const [high, wide] = factors(call, from, call.output.shape);
  const [batch, height, width, channels] = from;
  const apart = call.reshape(call.channelsFirst('images'), [batch, channels, height, 1, width, 1]);
  const copies = call.node('Expand', [apart, call.int64(1, 1, 1, high, 1, wide)]); // [N, C, H, high, W, wide]
  return { channelsFirst: call.reshape(copies, [batch, channels, height * high, width * wide]) };
}

function sumOfCopies(call: KernelCall): ImageResult {
  const to = call.shape('images');
  const [high, wide] = factors(call, to, call.shape('dy'));
  const [batch, height, width, channels] = to;
  const apart = call.reshape(call.channelsFirst('dy'), [batch, channels, height, high, width, wide]);
  return { channelsFirst: call.node('ReduceSum', [apart, call.int64(3, 5)], { keepdims: 0 }) };
}

function factors(call: KernelCall, small: readonly number[], large: readonly number[]): readonly number[] {
  if (call.flag('alignCorners')) call.refuse('aligns corners, which has no translation');
  const scales = [1, 2].map((axis) => large[axis] / small[axis]);
  if (!scales.every(Number.isInteger)) call.refuse(`resizes images by ${scales.join(' and ')}, and only whole factors have a translation`);
  return scales;
}

import type { ImageWindow } from './image-window.js';
import type { KernelCall } from './kernel-call.js';

/**
 * The gradient of a filter as one matrix product: what each of its elements meets, [h · w · in, N · H' · W'], times the output's
 * gradient, [N · H' · W', out]. ORT multiplies matrices four times faster than it convolves an image by another of its size.
 *
 * @returns [h, w, in, out]
 */
export function slidingProduct(call: KernelCall, window: ImageWindow): string {
  const [height, width, inputs, outputs] = call.integers('filterShape');
  const [batch] = call.fixed(call.shape('x'));
  const places = batch * window.output[0] * window.output[1];
  const dy = call.reshape(call.input('dy'), [places, outputs]);
  const x = call.node('Transpose', [call.paddedChannelsFirst('x', window.pads)], { perm: [1, 0, 2, 3] }); // [in, N, H, W]
  const all = metByElements(call, x, window, 0); // [h · w · in, N, H', W']
  const product = call.node('MatMul', [call.reshape(all, [height * width * inputs, places]), dy]); // [h · w · in, out]
  return call.reshape(product, [height, width, inputs, outputs]);
}

/**
 * The same of an image with few channels, where the output's gradient lies in blocks: a product for each image and block, then the sum
 * over the images. With so few rows a product costs what reading its factors costs, and here they are read as they lie.
 *
 * @returns undefined for other images
 */
export function slidingProductOfBlocks(call: KernelCall, window: ImageWindow): string | undefined {
  const [height, width, inputs, outputs] = call.integers('filterShape');
  const [batch] = call.fixed(call.shape('x'));
  const [dy, block] = [call.knownBlocked('dy'), call.blockOf(outputs)];
  const rows = height * width * inputs;
  if (dy === undefined || block === undefined || rows > fewRows) return undefined;
  const places = window.output[0] * window.output[1];
  const all = call.reshape(metByElements(call, call.paddedChannelsFirst('x', window.pads), window, 1), [batch, 1, rows, places]);
  const blocks = outputs / block;
  const products = call.node('MatMul', [all, call.reshape(dy, [batch, blocks, places, block])]); // [N, out / block, h · w · in, block]
  const sums = call.node('ReduceSum', [products, call.int64(0)], { keepdims: 0 }); // [out / block, h · w · in, block]
  return call.reshape(call.node('Transpose', [sums], { perm: [1, 0, 2] }), [height, width, inputs, outputs]);
}

/** Of colour images the other form is as fast already. */
const fewRows = 12;

/**
 * What each element of a filter meets, stacked along the channels.
 *
 * @param x images, padded already, whose last axes are height and width
 * @param channels their axis
 */
function metByElements(call: KernelCall, x: string, { strides, dilations, filter, output }: ImageWindow, channels: 0 | 1): string {
  const [height, width] = filter;
  const met = Array.from({ length: height * width }, (_, i) => {
    const begin = [Math.floor(i / width) * dilations[0], (i % width) * dilations[1]];
    const end = begin.map((from, axis) => from + (output[axis] - 1) * strides[axis] + 1);
    return call.node('Slice', [x, call.int64(...begin), call.int64(...end), call.int64(2, 3), call.int64(...strides)]);
  });
  return met.length === 1 ? met[0] : call.node('Concat', met, { axis: channels });
}

import type { ImageWindow } from './image-window.js';
import type { KernelCall } from './kernel-call.js';

/**
 * The gradient of a filter as one matrix product: what each of its elements meets, [h · w · in, N · H' · W'], times the output's
 * gradient, [N · H' · W', out]. ORT multiplies matrices four times faster than it convolves an image by another of its size.
 *
 * @returns [h, w, in, out]
 */
export function slidingProduct(call: KernelCall, { pads, strides, dilations, filter, output }: ImageWindow): string {
  const [height, width] = filter;
  const [, , inputs, outputs] = call.integers('filterShape');
  const [batch] = call.fixed(call.shape('x'));
  const [top, left, bottom, right] = pads;
  const x = call.node('Transpose', [call.channelsFirst('x')], { perm: [1, 0, 2, 3] }); // [in, N, H, W]
  const isPadded = pads.some((length) => length > 0);
  const padded = isPadded ? call.node('Pad', [x, call.int64(0, 0, top, left, 0, 0, bottom, right), call.scalar(0)]) : x;
  const places = batch * output[0] * output[1];
  const dy = call.reshape(call.input('dy'), [places, outputs]);
  const met = Array.from({ length: height * width }, (_, i) => {
    const begin = [Math.floor(i / width) * dilations[0], (i % width) * dilations[1]];
    const end = begin.map((from, axis) => from + (output[axis] - 1) * strides[axis] + 1);
    return call.node('Slice', [padded, call.int64(...begin), call.int64(...end), call.int64(2, 3), call.int64(...strides)]); // [in, N, H', W']
  });
  const all = met.length === 1 ? met[0] : call.node('Concat', met, { axis: 0 }); // [h · w · in, N, H', W']
  const product = call.node('MatMul', [call.reshape(all, [height * width * inputs, places]), dy]); // [h · w · in, out]
  return call.reshape(product, [height, width, inputs, outputs]);
}

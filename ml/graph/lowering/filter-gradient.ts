import type { ImageWindow } from './image-window.js';
import type { KernelCall } from './kernel-call.js';

/**
 * The gradient of a filter as a matrix product for each of its rows: what the row's elements meet, [w · in, H' · N · W'], times the
 * output's gradient, [H' · N · W', out]. ORT multiplies matrices four times faster than it convolves an image by another of its size.
 *
 * The images are moved along the width while they still lie in blocks. Then their rows come before the images themselves, so that what
 * the next row of the filter meets is the same moved by as many numbers as all images are wide: copied at once, and still in the cache
 * when it is multiplied.
 *
 * @returns [h, w, in, out], and the gradient of the bias where the call makes it
 */
export function slidingProduct(call: KernelCall, { pads, strides, dilations, input, before, after, output }: ImageWindow): string[] {
  const [height, width, inputs, outputs] = call.integers('filterShape');
  const [batch] = call.fixed(call.shape('x'));
  const rows = before[0] + input[0] + after[0];
  const [high, wide] = output;
  const cut = (name: string, axis: number, begin: number, length: number, stride: number) => {
    const end = begin + (length - 1) * stride + 1;
    return call.node('Slice', [name, call.int64(begin), call.int64(end), call.int64(axis), call.int64(stride)]);
  };
  const stack = (parts: string[]) => (parts.length === 1 ? parts[0] : call.node('Concat', parts, { axis: 0 }));

  const moved = call.channelsFirstOf('x', [width * batch, rows, wide, inputs], (image, pad) => {
    const padded = pad(image, pads);
    return stack(Array.from({ length: width }, (_, i) => cut(padded, 3, i * dilations[1], wide, strides[1])));
  });
  const apart = call.reshape(moved, [width, batch, inputs, rows, wide]);
  const byRows = call.reshape(call.node('Transpose', [apart], { perm: [0, 2, 3, 1, 4] }), [width * inputs, rows, batch * wide]);
  const dy = call.reshape(turnedByRows(call, 'dy'), [high * batch * wide, outputs]);
  const products = Array.from({ length: height }, (_, i) => {
    const met = cut(byRows, 1, i * dilations[0], high, strides[0]); // [w · in, H', N · W']
    return call.node('MatMul', [call.reshape(met, [width * inputs, high * batch * wide]), dy]); // [w · in, out]
  });
  const filter = call.reshape(stack(products), [height, width, inputs, outputs]);
  return makesBias(call) ? [filter, sumOfPlaces(call, dy)] : [filter];
}

/** @returns [H, N, W, C] */
function turnedByRows(call: KernelCall, input: string): string {
  const inBlocks = call.knownBlocked(input);
  if (inBlocks !== undefined) return call.node('Transpose', [inBlocks], { perm: [2, 0, 3, 1, 4] });
  const turned = call.knownChannelsFirst(input);
  if (turned !== undefined) return call.node('Transpose', [turned], { perm: [2, 0, 3, 1] });
  return call.node('Transpose', [call.input(input)], { perm: [1, 0, 2, 3] });
}

/** Whether the gradient of the bias is asked for too, see `foldBiasGradients`. */
export function makesBias(call: KernelCall): boolean {
  return call.outputs.length > 1;
}

/** @param dy [places, out] @returns [out] */
export function sumOfPlaces(call: KernelCall, dy: string): string {
  const [batch, high, wide] = call.shape('dy');
  const ones = call.constant('float32', new Float32Array(batch * high * wide).fill(1));
  return call.node('MatMul', [ones, dy]);
}

/**
 * The same of an image with few channels, where the output's gradient lies in blocks: a product for each image and block, then the sum
 * over the images. With so few rows a product costs what reading its factors costs, and here they are read as they lie. The bias is one
 * more row, which meets ones.
 *
 * @returns undefined for other images
 */
export function slidingProductOfBlocks(call: KernelCall, window: ImageWindow): string[] | undefined {
  const [height, width, inputs, outputs] = call.integers('filterShape');
  const [batch] = call.fixed(call.shape('x'));
  const [dy, block] = [call.knownBlocked('dy'), call.blockOf(outputs)];
  const elements = height * width * inputs;
  if (dy === undefined || block === undefined || elements > fewRows) return undefined;
  const places = window.output[0] * window.output[1];
  const rows = makesBias(call) ? elements + 1 : elements;
  const met = call.reshape(metByElements(call, window), [batch, 1, rows, places]);
  const blocks = outputs / block;
  const products = call.node('MatMul', [met, call.reshape(dy, [batch, blocks, places, block])]); // [N, out / block, rows, block]
  const sums = call.node('ReduceSum', [products, call.int64(0)], { keepdims: 0 }); // [out / block, rows, block]
  const all = call.reshape(call.node('Transpose', [sums], { perm: [1, 0, 2] }), [rows, outputs]);
  if (!makesBias(call)) return [call.reshape(all, [height, width, inputs, outputs])];
  const [filter, bias] = call.nodes('Split', [all, call.int64(elements, 1)], 2, { axis: 0 });
  return [call.reshape(filter, [height, width, inputs, outputs]), call.reshape(bias, [outputs])];
}

/** Of colour images the other form is as fast already. */
const fewRows = 12;

/** What each element of a filter meets, and ones where the bias is asked for, stacked in the place of the channels. */
function metByElements(call: KernelCall, { pads, strides, dilations, filter, output }: ImageWindow): string {
  const [height, width] = filter;
  const x = call.paddedChannelsFirst('x', pads);
  const met = Array.from({ length: height * width }, (_, i) => {
    const begin = [Math.floor(i / width) * dilations[0], (i % width) * dilations[1]];
    const end = begin.map((from, axis) => from + (output[axis] - 1) * strides[axis] + 1);
    return call.node('Slice', [x, call.int64(...begin), call.int64(...end), call.int64(2, 3), call.int64(...strides)]);
  });
  if (makesBias(call)) {
    const [batch] = call.shape('x');
    met.push(call.constant('float32', new Float32Array(batch * output[0] * output[1]).fill(1), [batch, 1, ...output]));
  }
  return met.length === 1 ? met[0] : call.node('Concat', met, { axis: 1 });
}

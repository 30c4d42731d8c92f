import { type ImageWindow, poolingWindow } from './image-window.js';
import type { ImageResult, KernelCall } from './kernel-call.js';

/** @returns undefined where the image does not lie in blocks, or its gradient needs the places of the largest elements */
export function blockedMaxPool(call: KernelCall): ImageResult | undefined {
  const name = call.knownBlocked('x');
  if (name === undefined) return undefined;
  const made = poolingWindow(call, call.shape('x'));
  if (call.tapeHas('MaxPoolGrad') && !isTiling(made)) return undefined;
  const { filter, strides, pads } = made;
  return {
    blocked: call.blockedNode('MaxPool', [{ name, shape: call.shape('x') }], [], call.output.shape, {
      kernel_shape: filter,
      strides,
      pads,
    }),
  };
}

/** Whether the windows lie side by side and cover the image. */
function isTiling({ filter, strides, pads, rest }: ImageWindow): boolean {
  return [...pads, ...rest].every((length) => length === 0) && filter.every((length, i) => length === strides[i]);
}

/**
 * The gradient of windows that lie side by side: the image is taken apart into a plane for each place of the window; each plane takes
 * the gradient where its element is the largest, and leaves to the planes after it what it did not take, so that of equal elements
 * the first one has it. ORT takes a tenth of the time for it that it takes for finding places and scattering to them.
 *
 * @returns undefined for other windows
 */
export function blockedMaxPoolGradient(call: KernelCall): ImageResult | undefined {
  const x = call.knownBlocked('input');
  const [largest, dy] = [call.knownBlocked('output'), call.value('dy')];
  if (x === undefined || largest === undefined) return undefined;
  const shape = call.fixed(call.shape('input'));
  const made = poolingWindow(call, shape);
  if (!isTiling(made)) return undefined;
  const block = call.blockOf(dy.shape[3]);
  if (block === undefined) return undefined;
  const [high, wide] = made.filter;
  const [rows, columns] = [((shape[0] * shape[3]) / block) * made.output[0], made.output[1]];
  const count = high * wide;
  const planes = call.node('Transpose', [call.reshape(x, [rows, high, columns, wide, block])], { perm: [1, 3, 0, 2, 4] });
  const flat = (name: string) => call.reshape(name, [rows, columns, block]);
  const parts = call.nodes('Split', [call.reshape(planes, [count * rows, columns, block])], count, { axis: 0 });
  const top = flat(largest);
  let left = flat(call.blocked('dy')); // [rows, columns, block]
  const taken = parts.map((part, i) => {
    if (i === count - 1) return left;
    const isLargest = call.node('Cast', [call.node('Equal', [part, top])], { to: 1 });
    const takes = call.node('Mul', [left, isLargest]);
    left = call.node('Sub', [left, takes]);
    return takes;
  });
  const stacked = call.reshape(call.node('Concat', taken, { axis: 0 }), [high, wide, rows, columns, block]);
  const together = call.node('Transpose', [stacked], { perm: [2, 0, 3, 1, 4] }); // [rows, high, columns, wide, block]
  return { blocked: call.reshape(together, [shape[0], shape[3] / block, shape[1], shape[2], block]) };
}

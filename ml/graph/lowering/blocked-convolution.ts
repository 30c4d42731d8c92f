import { fusedActivation } from './fused-activation.js';
import { convolutionWindow } from './image-window.js';
import type { ImageResult, KernelCall } from './kernel-call.js';

/**
 * A convolution on images in blocks of channels, twice as fast as on channels first.
 *
 * @returns undefined where the channels do not fill blocks
 */
export function blockedConvolution(call: KernelCall): ImageResult | undefined {
  const [height, width, channels, outputs] = call.fixed(call.shape('filter'));
  const block = call.blockOf(outputs);
  if (block === undefined) return undefined;
  const isFewChannels = channels < block;
  if (!isFewChannels && call.blockOf(channels) === undefined) return undefined;
  const { pads, strides, dilations } = convolutionWindow(call, call.shape('x'), call.shape('filter'), false);
  // An image of few channels is read as [N, C, H, W], by filters [out / block, in, h, w, block].
  const image = { name: isFewChannels ? call.channelsFirst('x') : call.blocked('x'), shape: call.shape('x') };
  const filter = isFewChannels
    ? call.node('Transpose', [call.reshape(call.input('filter'), [height, width, channels, outputs / block, block])], {
        perm: [3, 2, 0, 1, 4],
      })
    : call.node('Transpose', [apart(call, call.input('filter'), block)], { perm: [4, 2, 0, 1, 3, 5] });
  const isRectified = call.attribute('activation') === 'relu';
  const made = call.blockedNode(
    'Conv',
    [image],
    [call.reshape(filter, [outputs, channels, height, width]), ...(call.has('bias') ? [call.input('bias')] : [])],
    call.output.shape,
    { pads, strides, dilations, group: 1, kernel_shape: [height, width], ...(isRectified ? { activation: 'Relu' } : {}) },
  );
  return { blocked: isRectified ? made : fusedActivation(call, made) };
}

/**
 * The gradient of the image, which is a convolution too where the filter goes over it element by element: by the filter turned
 * around, its inputs and outputs swapped.
 *
 * @returns undefined where it is not, or where the channels do not fill blocks
 */
export function blockedInputGradient(call: KernelCall): ImageResult | undefined {
  const shape = call.integers('inputShape');
  const [height, width, channels, outputs] = call.fixed(call.shape('filter'));
  const block = call.blockOf(channels);
  if (block === undefined || call.blockOf(outputs) === undefined) return undefined;
  const { pads, strides, dilations, filter } = convolutionWindow(call, shape, call.shape('filter'), false);
  const turnedPads = pads.map((length, i) => (filter[i % 2] - 1) * dilations[i % 2] - length);
  if (strides.some((stride) => stride !== 1) || turnedPads.some((length) => length < 0)) return undefined;
  const around = call.node('Slice', [
    call.input('filter'),
    call.int64(-1, -1),
    call.int64(-(2 ** 31), -(2 ** 31)),
    call.int64(0, 1),
    call.int64(-1, -1),
  ]);
  const swapped = call.node('Transpose', [apart(call, around, block)], { perm: [2, 4, 0, 1, 5, 3] }); // [in / block, out / block, h, w, block, block]
  return {
    blocked: call.blockedNode(
      'Conv',
      [{ name: call.blocked('dy'), shape: call.shape('dy') }],
      [call.reshape(swapped, [channels, outputs, height, width])],
      shape,
      { pads: turnedPads, strides: [1, 1], dilations, group: 1, kernel_shape: [height, width] },
    ),
  };
}

/** [h, w, in, out] → [h, w, in / block, block, out / block, block] */
function apart(call: KernelCall, filter: string, block: number): string {
  const [height, width, channels, outputs] = call.shape('filter');
  return call.reshape(filter, [height, width, channels / block, block, outputs / block, block]);
}

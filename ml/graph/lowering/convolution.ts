import { fusedActivation, fusedRefusal } from './fused-activation.js';
import { convolutionWindow, type ImageWindow } from './image-window.js';
import { blockedConvolution, blockedInputGradient } from './blocked-convolution.js';
import { makesBias, slidingProduct, slidingProductOfBlocks, sumOfPlaces } from './filter-gradient.js';
import type { ImageResult, KernelCall, LoweringTable } from './kernel-call.js';

const window = ['strides', 'pad', 'dataFormat', 'dilations', 'dimRoundingMode'];
const fused = [...window, 'activation', 'leakyreluAlpha'];

const channelsLast = 'channels first';
const fusedRefusals = `${channelsLast}; ${fusedRefusal}; a bias that is not a number per channel`;

/** Convolutions, and their gradients. Images are [N, H, W, C], filters [h, w, in, out], depthwise ones [h, w, channels, multiplier]. */
export const convolutionLowerings: LoweringTable = {
  Conv2D: {
    refuses: channelsLast,
    attributes: window,
    lower: (call) => blockedConvolution(call) ?? { channelsFirst: convolve(call, false) },
  },
  FusedConv2D: { refuses: fusedRefusals, attributes: fused, lower: (call) => fuse(call, false) },
  Conv2DBackpropInput: { refuses: channelsLast, attributes: [...window, 'inputShape'], lower: (call) => inputGradient(call, false) },
  Conv2DBackpropFilter: { refuses: channelsLast, attributes: [...window, 'filterShape'], lower: filterGradient },
  DepthwiseConv2dNative: { refuses: channelsLast, attributes: window, lower: (call) => ({ channelsFirst: convolve(call, true) }) },
  FusedDepthwiseConv2D: { refuses: fusedRefusals, attributes: fused, lower: (call) => fuse(call, true) },
  DepthwiseConv2dNativeBackpropInput: {
    refuses: channelsLast,
    attributes: [...window, 'inputShape'],
    lower: (call) => inputGradient(call, true),
  },
  DepthwiseConv2dNativeBackpropFilter: { refuses: channelsLast, attributes: [...window, 'filterShape'], lower: depthwiseFilterGradient },
};

/** @returns [N, out, H', W'] */
function convolve(call: KernelCall, depthwise: boolean, bias?: string): string {
  const { pads, strides, dilations, filter } = convolutionWindow(call, call.shape('x'), call.shape('filter'), depthwise);
  const group = depthwise ? call.shape('x')[3] : 1;
  return call.node('Conv', [call.channelsFirst('x'), turnedFilter(call, depthwise), ...(bias === undefined ? [] : [bias])], {
    pads,
    strides,
    dilations,
    group,
    kernel_shape: filter,
  });
}

function fuse(call: KernelCall, depthwise: boolean): ImageResult {
  if (call.has('preluActivationWeights')) call.refuse('carries the weights of a PReLU, which have no translation');
  if (call.has('bias') && call.shape('bias').join() !== `${call.output.shape[3]}`)
    call.refuse('adds a bias that is not a number per channel');
  const inBlocks = depthwise ? undefined : blockedConvolution(call);
  if (inBlocks) return inBlocks;
  return { channelsFirst: fusedActivation(call, convolve(call, depthwise, call.has('bias') ? call.input('bias') : undefined)) };
}

/** [h, w, in, out] → [out, in, h, w]; [h, w, channels, multiplier] → [channels · multiplier, 1, h, w]. Shared with the gradient. */
function turnedFilter(call: KernelCall, depthwise: boolean): string {
  const key = `filter:${depthwise}:${call.value('filter').id}`;
  let name = call.noted(key);
  if (name === undefined) {
    const [height, width, channels, multiplier] = call.shape('filter');
    name = depthwise
      ? call.reshape(call.node('Transpose', [call.input('filter')], { perm: [2, 3, 0, 1] }), [channels * multiplier, 1, height, width])
      : call.node('Transpose', [call.input('filter')], { perm: [3, 2, 0, 1] });
    call.note(key, name);
  }
  return name;
}

/** A transposed convolution, which fills up what no position of the filter reached. */
function inputGradient(call: KernelCall, depthwise: boolean): ImageResult {
  const inBlocks = depthwise ? undefined : blockedInputGradient(call);
  if (inBlocks) return inBlocks;
  const shape = call.integers('inputShape');
  const { pads, strides, rest, filter, dilations } = convolutionWindow(call, shape, call.shape('filter'), depthwise);
  return {
    channelsFirst: call.node('ConvTranspose', [call.channelsFirst('dy'), turnedFilter(call, depthwise)], {
      pads,
      strides,
      dilations,
      output_padding: rest,
      group: depthwise ? shape[3] : 1,
      kernel_shape: filter,
    }),
  };
}

/**
 * A product of what each element of the filter meets with the output's gradient. For a filter of very many elements, which would need
 * as many copies of the image, the image convolved by the output's gradient, the batch in the place of the channels, strides and
 * dilations swapped.
 */
function filterGradient(call: KernelCall): string[] {
  const made = convolutionWindow(call, call.shape('x'), call.integers('filterShape'), false);
  if (made.filter[0] * made.filter[1] <= mostCopies) return slidingProductOfBlocks(call, made) ?? slidingProduct(call, made);
  const x = call.node('Transpose', [call.channelsFirst('x')], { perm: [1, 0, 2, 3] }); // [in, N, H, W]
  const dy = call.node('Transpose', [call.channelsFirst('dy')], { perm: [1, 0, 2, 3] }); // [out, N, H', W']
  const gradient = slide(call, x, dy, made, 1); // [in, out, h, w]
  const turned = call.node('Transpose', [gradient], { perm: [2, 3, 0, 1] }); // [h, w, in, out]
  return makesBias(call) ? [turned, sumOfPlaces(call, call.reshape(call.input('dy'), [-1, call.shape('dy')[3]]))] : [turned];
}

const mostCopies = 25;

/** The same for each channel alone: a group per channel. */
function depthwiseFilterGradient(call: KernelCall): string {
  const [height, width, channels, multiplier] = call.integers('filterShape');
  const made = convolutionWindow(call, call.shape('x'), [height, width, channels, multiplier], true);
  const [batch] = call.fixed(call.shape('x'));
  const x = call.node('Transpose', [call.channelsFirst('x')], { perm: [1, 0, 2, 3] }); // [channels, N, H, W]
  const image = call.reshape(x, [1, channels * batch, ...made.input]);
  const dy = call.node('Transpose', [call.channelsFirst('dy')], { perm: [1, 0, 2, 3] }); // [channels · multiplier, N, H', W']
  const gradient = slide(call, image, dy, made, channels); // [1, channels · multiplier, h, w]
  const filter = call.reshape(gradient, [channels, multiplier, height, width]);
  return call.node('Transpose', [filter], { perm: [2, 3, 0, 1] }); // [h, w, channels, multiplier]
}

function slide(
  call: KernelCall,
  x: string,
  dy: string,
  { pads, strides, dilations, output, rest, filter }: ImageWindow,
  group: number,
): string {
  const gradient = call.node('Conv', [x, dy], { pads, strides: dilations, dilations: strides, group, kernel_shape: output });
  if (rest.every((length) => length === 0)) return gradient;
  return call.node('Slice', [gradient, call.int64(0, 0), call.int64(...filter), call.int64(2, 3)]);
}

import { type ImageWindow, poolingWindow } from './image-window.js';
import { blockedMaxPool, blockedMaxPoolGradient } from './blocked-pooling.js';
import type { ImageResult, KernelCall, LoweringTable } from './kernel-call.js';

const window = ['filterSize', 'strides', 'pad', 'dimRoundingMode'];

const windowRefusal = 'padding as long as the window, a number as padding with uneven strides';

/** Pooling over windows, and its gradients. Pooling over whole images is a reduction. */
export const poolingLowerings: LoweringTable = {
  MaxPool: {
    refuses: windowRefusal,
    attributes: window,
    lower: (call) => {
      const inBlocks = blockedMaxPool(call);
      if (inBlocks) return inBlocks;
      const x = call.channelsFirst('x');
      const made = poolingWindow(call, call.shape('x'));
      if (!call.tapeHas('MaxPoolGrad')) return { channelsFirst: call.node('MaxPool', [x], poolAttributes(made)) };
      const [largest, places] = call.nodes('MaxPool', [x], 2, poolAttributes(made));
      call.note(placesKey(call, 'x', made), places);
      return { channelsFirst: largest };
    },
  },
  MaxPoolGrad: { refuses: windowRefusal, attributes: window, lower: maxPoolGradient },
  AvgPool: {
    refuses: windowRefusal,
    attributes: window,
    lower: (call) => ({
      channelsFirst: call.node('AveragePool', [call.channelsFirst('x')], {
        ...poolAttributes(poolingWindow(call, call.shape('x'))),
        count_include_pad: 0,
      }),
    }),
  },
  AvgPoolGrad: {
    refuses: `${windowRefusal}; padding, where tfjs divides by another number than forwards`,
    attributes: window,
    lower: averagePoolGradient,
  },
};

function poolAttributes({ filter, strides, pads }: ImageWindow) {
  return { kernel_shape: filter, strides, pads };
}

function placesKey(call: KernelCall, input: string, { filter, strides, pads }: ImageWindow): string {
  return `places:${call.value(input).id}:${JSON.stringify([filter, strides, pads])}`;
}

/** Each gradient to the place of its window's first largest element; both sides agree which one is the first. */
function maxPoolGradient(call: KernelCall): ImageResult {
  const inBlocks = blockedMaxPoolGradient(call);
  if (inBlocks) return inBlocks;
  const shape = call.fixed(call.shape('input')); // [N, H, W, C]
  const made = poolingWindow(call, shape);
  const places =
    call.noted(placesKey(call, 'input', made)) ?? call.nodes('MaxPool', [call.channelsFirst('input')], 2, poolAttributes(made))[1];
  const size = shape.reduce((product, length) => product * length, 1);
  const zeros = call.node('Expand', [call.scalar(0), call.int64(size)]);
  const flat = (name: string) => call.node('Reshape', [name, call.int64(-1)]);
  const isOverlapping = made.filter.some((length, i) => length > made.strides[i]);
  const gradient = call.node('ScatterElements', [zeros, flat(places), flat(call.channelsFirst('dy'))], {
    axis: 0,
    ...(isOverlapping ? { reduction: 'add' } : {}),
  });
  const [batch, height, width, channels] = shape;
  return { channelsFirst: call.reshape(gradient, [batch, channels, height, width]) };
}

/** Each gradient spread over its window in equal parts. */
function averagePoolGradient(call: KernelCall): ImageResult {
  const made = poolingWindow(call, call.shape('input'));
  if (made.pads.some((length) => length > 0)) call.refuse('pads, where tfjs divides by another number of elements than forwards');
  const channels = call.shape('input')[3];
  const [height, width] = made.filter;
  const area = height * width;
  const parts = call.constant('float32', new Float32Array(channels * area).fill(1 / area), [channels, 1, height, width]);
  return {
    channelsFirst: call.node('ConvTranspose', [call.channelsFirst('dy'), parts], {
      ...poolAttributes(made),
      output_padding: made.rest,
      group: channels,
    }),
  };
}

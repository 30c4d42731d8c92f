import { affineSampleKernel, pixelPlaces } from '../affine-sample-kernel.js';
import type { ImageResult, KernelCall, LoweringTable } from './kernel-call.js';

/** Images seen through affine maps: the places as arithmetic, the reading as ONNX' `GridSample`. */
export const affineSampleLowerings: LoweringTable = { [affineSampleKernel]: { lower: affineSample } };

function affineSample(call: KernelCall): ImageResult {
  const [batch, height, width] = call.fixed(call.shape('images'));
  const x = call.constant('float32', pixelPlaces(width), [1, 1, width, 1]);
  const y = call.constant('float32', pixelPlaces(height), [1, height, 1, 1]);
  const maps = call.reshape(call.input('maps'), [batch, 6, 1, 1]);
  const entries = call.nodes('Split', [maps, call.int64(1, 1, 1, 1, 1, 1)], 6, { axis: 1 }); // [B, 1, 1, 1] each
  const place = ([alongX, alongY, offset]: string[]) => {
    const moved = call.node('Add', [call.node('Mul', [alongY, y]), offset]); // [B, H, 1, 1]
    return call.node('Add', [call.node('Mul', [alongX, x]), moved]); // [B, H, W, 1]
  };
  const grid = call.node('Concat', [place(entries.slice(0, 3)), place(entries.slice(3))], { axis: 3 }); // [B, H, W, 2]
  const attributes = { mode: 'bilinear', padding_mode: 'zeros', align_corners: 0 };
  return { channelsFirst: call.node('GridSample', [call.channelsFirst('images'), grid], attributes) };
}

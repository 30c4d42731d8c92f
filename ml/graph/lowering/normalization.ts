import type { KernelCall, LoweringTable } from './kernel-call.js';

/** Batch normalization by given statistics; what gathers them in training, and the gradient, are made of other kernels. */
export const normalizationLowerings: LoweringTable = {
  FusedBatchNorm: {
    refuses: 'ranks other than 4, statistics that are not a number per channel',
    attributes: ['varianceEpsilon'],
    lower: (call) => {
      const shape = call.shape('x');
      const channels = shape[shape.length - 1];
      const statistics = ['scale', 'offset', 'mean', 'variance'].map((name) => perChannel(call, name, channels));
      const epsilon = { float: call.number('varianceEpsilon', 0.001) };
      if (shape.length !== 4) call.refuse(`is applied to a tensor of rank ${shape.length}, expected 4`);
      return { channelsFirst: call.node('BatchNormalization', [call.channelsFirst('x'), ...statistics], { epsilon }) };
    },
  },
};

function perChannel(call: KernelCall, name: string, channels: number): string {
  if (!call.has(name)) return call.constant('float32', new Float32Array(channels).fill(name === 'scale' ? 1 : 0));
  if (call.shape(name).join() !== `${channels}`)
    call.refuse(`takes a ${name} of shape [${call.shape(name).join(', ')}], expected one number per channel`);
  return call.input(name);
}

import type { KernelCall, LoweringTable } from './kernel-call.js';

/** Activations, their gradients, and the softmax. */
export const activationLowerings: LoweringTable = {
  Sigmoid: { elementwise: true, lower: (call) => call.node('Sigmoid', [call.input('x')]) },
  Tanh: { elementwise: true, lower: (call) => call.node('Tanh', [call.input('x')]) },
  Softplus: { elementwise: true, lower: (call) => call.node('Softplus', [call.input('x')]) },
  Elu: { elementwise: true, lower: (call) => call.node('Elu', [call.input('x')]) },
  Selu: { elementwise: true, lower: (call) => call.node('Selu', [call.input('x')]) },
  LeakyRelu: {
    elementwise: true,
    attributes: ['alpha'],
    lower: (call) => call.node('LeakyRelu', [call.input('x')], { alpha: { float: call.number('alpha') } }),
  },
  Relu: {
    elementwise: true,
    lower: (call) => {
      const rectified = call.node('Relu', [call.input('x')]);
      call.note(rectifiedKey(call), rectified);
      return rectified;
    },
  },
  Relu6: { elementwise: true, lower: (call) => call.node('Clip', [call.input('x'), call.scalar(0), call.scalar(6)]) },
  Prelu: {
    refuses: 'an input that is broadcast to the shape of alpha',
    elementwise: true,
    lower: (call) => {
      if (call.shape('x').join() !== call.output.shape.join()) call.refuse('broadcasts its input to the shape of alpha');
      return call.node('PRelu', [call.input('x'), call.input('alpha')]);
    },
  },
  Step: {
    elementwise: true,
    attributes: ['alpha'],
    lower: (call) => {
      const alpha = call.number('alpha', 0);
      // x > 0 exactly where relu(x) > 0; reading the rectified value leaves ORT free to fuse the rectifier into the product before it.
      const x = call.noted(rectifiedKey(call)) ?? call.input('x');
      // min(1, max(0, steep · x)) is 1 from 3e-39 on: one node, where a comparison and a cast take twice the time.
      if (alpha === 0) return call.node('HardSigmoid', [x], { alpha: { float: steep }, beta: { float: 0 } });
      return call.node('Where', [call.node('Greater', [x, call.scalar(0)]), call.scalar(1), call.scalar(alpha)]);
    },
  },
  EluGrad: {
    elementwise: true,
    // dy where y ≥ 0, else dy · (y + 1)
    lower: (call) => {
      const slope = call.node('Add', [call.node('Min', [call.input('y'), call.scalar(0)]), call.scalar(1)]);
      return call.node('Mul', [call.input('dy'), slope]);
    },
  },
  Softmax: {
    attributes: ['dim'],
    lower: (call) => call.node('Softmax', [call.input('logits')], { axis: call.axis('dim', call.shape('logits').length, -1) }),
  },
};

/** The largest float32. */
const steep = 3.4028234663852886e38;

function rectifiedKey(call: KernelCall): string {
  return `relu:${call.value('x').id}`;
}

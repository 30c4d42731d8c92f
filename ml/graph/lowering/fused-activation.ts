import type { KernelCall } from './kernel-call.js';

/** For the page of lowerings. */
export const fusedRefusal = 'activations other than linear, relu, relu6, elu, sigmoid and leakyrelu';

/** The activation that a fused kernel carries in its attributes `activation` and `leakyreluAlpha`. */
export function fusedActivation(call: KernelCall, x: string): string {
  const activation = call.attribute('activation') ?? 'linear';
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return call.node('Relu', [x]);
    case 'relu6':
      return call.node('Clip', [x, call.scalar(0), call.scalar(6)]);
    case 'elu':
      return call.node('Elu', [x]);
    case 'sigmoid':
      return call.node('Sigmoid', [x]);
    case 'leakyrelu':
      return call.node('LeakyRelu', [x], { alpha: { float: call.number('leakyreluAlpha') } });
    default:
      return call.refuse(`carries the activation ${JSON.stringify(activation)}, which has no translation`);
  }
}

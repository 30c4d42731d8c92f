import type { KernelCall, LoweringTable } from './kernel-call.js';

/** Matrix products. */
export const matMulLowerings: LoweringTable = {
  BatchMatMul: { attributes: ['transposeA', 'transposeB'], lower: product },
  _FusedMatMul: {
    attributes: ['transposeA', 'transposeB', 'activation', 'leakyreluAlpha'],
    lower: (call) => {
      const sum = call.has('bias') ? call.node('Add', [product(call), call.input('bias')]) : product(call);
      const activation = call.attribute('activation') ?? 'linear';
      switch (activation) {
        case 'linear':
          return sum;
        case 'relu':
          return call.node('Relu', [sum]);
        case 'relu6':
          return call.node('Clip', [sum, call.scalar(0), call.scalar(6)]);
        case 'elu':
          return call.node('Elu', [sum]);
        case 'sigmoid':
          return call.node('Sigmoid', [sum]);
        case 'leakyrelu':
          return call.node('LeakyRelu', [sum], { alpha: { float: call.number('leakyreluAlpha') } });
        default:
          return call.refuse(`carries the activation ${JSON.stringify(activation)}, which has no translation`);
      }
    },
  },
};

function product(call: KernelCall): string {
  const [a, b] = [call.input('a'), call.input('b')];
  const [transA, transB] = [call.flag('transposeA'), call.flag('transposeB')];
  if (!transA && !transB) return call.node('MatMul', [a, b]);
  if (call.shape('a').length === 2 && call.shape('b').length === 2)
    return call.node('Gemm', [a, b], { transA: transA ? 1 : 0, transB: transB ? 1 : 0 });
  const swapped = (name: string, rank: number) =>
    call.node('Transpose', [name], { perm: [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2] });
  return call.node('MatMul', [transA ? swapped(a, call.shape('a').length) : a, transB ? swapped(b, call.shape('b').length) : b]);
}

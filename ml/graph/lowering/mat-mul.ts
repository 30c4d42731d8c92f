import { fusedActivation, fusedRefusal } from './fused-activation.js';
import type { KernelCall, LoweringTable } from './kernel-call.js';

/** Matrix products. */
export const matMulLowerings: LoweringTable = {
  BatchMatMul: { attributes: ['transposeA', 'transposeB'], lower: product },
  _FusedMatMul: {
    refuses: fusedRefusal,
    attributes: ['transposeA', 'transposeB', 'activation', 'leakyreluAlpha'],
    lower: (call) => {
      const sum = call.has('bias') ? call.node('Add', [product(call), call.input('bias')]) : product(call);
      return fusedActivation(call, sum);
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

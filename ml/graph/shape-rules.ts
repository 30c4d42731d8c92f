import { broadcast_util, type NamedAttrMap, type TensorInfo } from '@tensorflow/tfjs-core';

/**
 * Output shapes of the kernels that are too slow to carry out just to learn a shape: a recorded step of a wide network would
 * otherwise take seconds in the pure JavaScript backend. All of them make float32.
 */
export const shapeRules: Readonly<
  Record<string, ((inputs: Readonly<Record<string, TensorInfo>>, attributes: NamedAttrMap) => number[]) | undefined>
> = {
  BatchMatMul: matMulShape,
  _FusedMatMul: matMulShape,
  UnsortedSegmentSum: ({ x, segmentIds }, { numSegments }) => [Number(numSegments), ...x.shape.slice(segmentIds.shape.length)],
};

function matMulShape({ a, b }: Readonly<Record<string, TensorInfo>>, { transposeA, transposeB }: NamedAttrMap): number[] {
  const rows = a.shape.at(transposeA ? -1 : -2)!;
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  return [...broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns];
}

import { backend_util, broadcast_util, type NamedAttrMap, type TensorInfo } from '@tensorflow/tfjs-core';

/**
 * Output shapes of the kernels that are too slow to carry out just to learn a shape: a recorded step of a wide network would
 * otherwise take seconds in the pure JavaScript backend. All of them make float32.
 */
export const shapeRules: Readonly<
  Record<string, ((inputs: Readonly<Record<string, TensorInfo>>, attributes: NamedAttrMap) => number[]) | undefined>
> = {
  BatchMatMul: matMulShape,
  _FusedMatMul: matMulShape,
  Conv2D: (inputs, attributes) => convolutionShape(inputs, attributes, false),
  FusedConv2D: (inputs, attributes) => convolutionShape(inputs, attributes, false),
  DepthwiseConv2dNative: (inputs, attributes) => convolutionShape(inputs, attributes, true),
  FusedDepthwiseConv2D: (inputs, attributes) => convolutionShape(inputs, attributes, true),
  Conv2DBackpropInput: (_, { inputShape }) => [...(inputShape as number[])],
  Conv2DBackpropFilter: (_, { filterShape }) => [...(filterShape as number[])],
  DepthwiseConv2dNativeBackpropInput: (_, { inputShape }) => [...(inputShape as number[])],
  DepthwiseConv2dNativeBackpropFilter: (_, { filterShape }) => [...(filterShape as number[])],
  MaxPoolGrad: ({ input }) => [...input.shape],
  AvgPoolGrad: ({ input }) => [...input.shape],
  AnnealAffineSample: ({ images }) => [...images.shape],
  UnsortedSegmentSum: ({ x, segmentIds }, { numSegments }) => [Number(numSegments), ...x.shape.slice(segmentIds.shape.length)],
};

function matMulShape({ a, b }: Readonly<Record<string, TensorInfo>>, { transposeA, transposeB }: NamedAttrMap): number[] {
  const rows = a.shape.at(transposeA ? -1 : -2)!;
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  if (a.shape.at(transposeA ? -2 : -1) !== b.shape.at(transposeB ? -1 : -2))
    throw new Error(`a product of [${a.shape.join(', ')}] and [${b.shape.join(', ')}], whose inner lengths differ`);
  return [...broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns];
}

function convolutionShape({ x, filter }: Readonly<Record<string, TensorInfo>>, attributes: NamedAttrMap, depthwise: boolean): number[] {
  const { strides, pad, dilations, dimRoundingMode, dataFormat } = attributes as unknown as {
    strides: [number, number];
    pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
    dilations?: [number, number];
    dimRoundingMode?: 'floor' | 'round' | 'ceil';
    dataFormat?: 'NHWC' | 'NCHW';
  };
  const shape = (info: TensorInfo) => info.shape as [number, number, number, number];
  const format = dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast';
  return backend_util.computeConv2DInfo(shape(x), shape(filter), strides, dilations ?? 1, pad, dimRoundingMode, depthwise, format).outShape;
}

import * as tf from '@tensorflow/tfjs-core';
import { kernelBackends, type TensorStorage } from './random-hash.js';

/** A kernel of our own: tfjs moves images by one angle or one box for all of them, in kernels that ONNX does not have. */
export const affineSampleKernel = 'AnnealAffineSample';

/**
 * Images seen through an affine map: each pixel is read at the place that its map gives, between four pixels linearly, and as zero
 * outside the image. It has no gradient.
 *
 * Places are in units of half the image, (−1, −1) its upper left corner, (1, 1) its lower right one.
 *
 * @param images [B, H, W, C]
 * @param maps [B, 6]: (x, y) is read at (m₀x + m₁y + m₂, m₃x + m₄y + m₅)
 * @returns [B, H, W, C]
 * @see Jaderberg et al. 2015, "Spatial Transformer Networks", section 3.3
 */
export function affineSample(images: tf.Tensor4D, maps: tf.Tensor2D): tf.Tensor4D {
  return tf.engine().runKernel(affineSampleKernel, { images, maps }) as tf.Tensor4D;
}

/** Where the middle of each of `count` pixels lies. */
export function pixelPlaces(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (2 * i + 1) / count - 1);
}

/** The kernel in plain numbers, rounded as in float32 throughout. @returns [B · H · W · C] */
export function affineSampleValues(images: Float32Array, maps: Float32Array, shape: readonly number[]): Float32Array {
  const [batch, height, width, channels] = shape;
  const result = new Float32Array(images.length);
  const [columns, rows] = [pixelPlaces(width), pixelPlaces(height)];
  let at = 0;
  for (let b = 0; b < batch; b++) {
    const map = maps.subarray(6 * b, 6 * b + 6);
    const image = images.subarray(b * height * width * channels, (b + 1) * height * width * channels);
    for (const y of rows) {
      for (const x of columns) {
        const column = toPixel(map[0] * x, map[1] * y, map[2], width);
        const row = toPixel(map[3] * x, map[4] * y, map[5], height);
        interpolate(image, [height, width, channels], row, column, result, at);
        at += channels;
      }
    }
  }
  return result;
}

function toPixel(alongX: number, alongY: number, offset: number, count: number): number {
  const place = Math.fround(Math.fround(alongX) + Math.fround(Math.fround(alongY) + offset));
  return Math.fround(Math.fround(Math.fround(Math.fround(place + 1) * count) - 1) / 2);
}

function interpolate(image: Float32Array, size: readonly number[], row: number, column: number, into: Float32Array, at: number): void {
  const [height, width, channels] = size;
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [below, right] = [Math.fround(row - top), Math.fround(column - left)];
  for (const [y, x, share] of [
    [top, left, (1 - below) * (1 - right)],
    [top, left + 1, (1 - below) * right],
    [top + 1, left, below * (1 - right)],
    [top + 1, left + 1, below * right],
  ]) {
    if (y < 0 || y >= height || x < 0 || x >= width) continue;
    for (let c = 0; c < channels; c++) into[at + c] += share * image[(y * width + x) * channels + c];
  }
}

for (const backendName of kernelBackends) {
  tf.registerKernel({
    kernelName: affineSampleKernel,
    backendName,
    kernelFunc: ({ inputs, backend }) => {
      const storage = backend as TensorStorage;
      const { images, maps } = inputs as Record<string, tf.TensorInfo>;
      const [pixels, numbers] = [storage.readSync(images.dataId), storage.readSync(maps.dataId)] as [Float32Array, Float32Array];
      const values = affineSampleValues(pixels, numbers, images.shape);
      return { dataId: storage.write(values, images.shape, 'float32'), shape: images.shape, dtype: 'float32' };
    },
  });
}

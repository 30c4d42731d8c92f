import * as tf from '@tensorflow/tfjs-core';
import type { ImageAugmentationSpec } from '../../../contracts/pipeline.js';
import { affineSample, pixelPlaces } from '../../graph/affine-sample-kernel.js';
import { randomUniform } from '../../graph/random-uniform-kernel.js';

/** Random numbers of an image; all are drawn always, so that an option that is added changes nothing of the others. */
const draws = ['flipX', 'flipY', 'shiftX', 'shiftY', 'zoom', 'cropX', 'cropY', 'angle', 'cutX', 'cutY'] as const;
type Draws = Readonly<Record<(typeof draws)[number], tf.Tensor2D>>;

/**
 * Change each image of a mini-batch at random: one affine map of mirroring, turning, cropping and shifting, then a cut-out. What
 * comes from outside an image, and what is cut out, is zero.
 *
 * @param images [B, H, W, C]
 * @param keys of all streams of the step, int32 [2S]
 * @returns [B, H, W, C]
 * @see Szegedy et al. 2015, "Going Deeper with Convolutions", for the crops; DeVries and Taylor 2017, "Improved Regularization of
 *   Convolutional Neural Networks with Cutout"
 */
export function augmentImages(images: tf.Tensor4D, options: ImageAugmentationSpec, keys: tf.Tensor1D, stream: number): tf.Tensor4D {
  const [batch, height, width] = images.shape;
  const columns = tf.split(randomUniform(keys, stream, [batch, draws.length]), draws.length, 1) as tf.Tensor2D[]; // [B, 1] each
  const drawn = Object.fromEntries(draws.map((name, i) => [name, columns[i]])) as Draws;
  const { flip, shift, crop, rotate, cutOut } = options;
  const moved = flip || shift || crop || rotate ? affineSample(images, randomMaps(options, drawn, width / height)) : images;
  return cutOut ? tf.mul(moved, outsideCut(drawn, cutOut, height, width)) : moved;
}

/**
 * Where each pixel of an output is read: mirrored, turned about the middle, scaled into the crop, shifted.
 *
 * @param aspect width / height, since the places are in halves of the two
 * @returns [B, 6]
 */
function randomMaps({ flip, shift = 0, crop = 0, rotate = 0 }: ImageAugmentationSpec, drawn: Draws, aspect: number): tf.Tensor2D {
  const zeros = tf.mul(drawn.zoom, 0); // [B, 1]
  const ones = tf.add(zeros, 1);
  const x = flip === 'horizontal' || flip === 'both' ? coin(drawn.flipX) : ones;
  const y = flip === 'vertical' || flip === 'both' ? coin(drawn.flipY) : ones;
  const angle = around(drawn.angle, (rotate * Math.PI) / 180);
  // A share of the image's side is twice as much in halves of it.
  const [shiftX, shiftY] = [around(drawn.shiftX, 2 * shift), around(drawn.shiftY, 2 * shift)];
  const scale = tf.sub(1, tf.mul(drawn.zoom, crop)); // [1 − crop, 1]
  const slack = tf.sub(1, scale);
  const [cropX, cropY] = [tf.mul(around(drawn.cropX, 1), slack), tf.mul(around(drawn.cropY, 1), slack)];
  const [cos, sin] = [tf.mul(tf.cos(angle), scale), tf.mul(tf.sin(angle), scale)];
  return tf.concat(
    [
      tf.mul(cos, x),
      tf.mul(tf.mul(sin, y), -1 / aspect),
      tf.add(cropX, shiftX),
      tf.mul(tf.mul(sin, x), aspect),
      tf.mul(cos, y),
      tf.add(cropY, shiftY),
    ],
    1,
  ) as tf.Tensor2D;
}

/** [0, 1) → −1 or 1 */
function coin(uniform: tf.Tensor2D): tf.Tensor {
  return tf.sub(tf.mul(tf.cast(tf.less(uniform, 0.5), 'float32'), 2), 1);
}

/** [0, 1) → [−range, range) */
function around(uniform: tf.Tensor2D, range: number): tf.Tensor {
  return tf.mul(tf.sub(uniform, 0.5), 2 * range);
}

/** @returns 0 within a rectangle whose sides are a `fraction` of the image's and whose middle is anywhere, else 1; [B, H, W, 1] */
function outsideCut({ cutX, cutY }: Draws, fraction: number, height: number, width: number): tf.Tensor4D {
  const away = (middle: tf.Tensor2D, places: tf.Tensor4D) =>
    tf.greaterEqual(tf.abs(tf.sub(places, tf.reshape(around(middle, 1), [-1, 1, 1, 1]))), fraction);
  const awayX = away(cutX, tf.tensor4d(pixelPlaces(width), [1, 1, width, 1])); // bool [B, 1, W, 1]
  const awayY = away(cutY, tf.tensor4d(pixelPlaces(height), [1, height, 1, 1])); // bool [B, H, 1, 1]
  return tf.cast(tf.logicalOr(awayX, awayY), 'float32');
}

import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import { type RandomInput, compareWithEager } from './compare-with-eager.js';

const x: RandomInput = { shape: [3, 2, 4, 5], dtype: 'float32' };
const weights: RandomInput = { shape: [3, 6, 8, 5], dtype: 'float32' };

/** The gradient of Σ weights · y² in the small images. */
function gradient(enlarge: (small: tf.Tensor4D) => tf.Tensor) {
  return (tensors: Record<string, tf.Tensor>) =>
    tf.grad((small) => tf.sum(tf.mul(tensors.weights, tf.square(enlarge(small as tf.Tensor4D)))))(tensors.x);
}

// The plain JavaScript backend of tfjs takes the gradient of every image but the first from a wrong place, so it is no oracle here.
test('the gradient of enlarged images is that of pixels that are looked up, for every image of a batch', async () => {
  const repeated = (small: tf.Tensor4D) =>
    tf.gather(tf.gather(small, tf.tensor1d([0, 0, 0, 1, 1, 1], 'int32'), 1), tf.tensor1d([0, 0, 1, 1, 2, 2, 3, 3], 'int32'), 2);
  const { eager } = await compareWithEager({ x, weights }, gradient(repeated));
  const { lowered, kernels } = await compareWithEager(
    { x, weights },
    gradient((small) => tf.image.resizeNearestNeighbor(small, [6, 8])),
  );
  expect(kernels).toContain('ResizeNearestNeighborGrad');
  expect(lowered[0].shape).toEqual(eager[0].shape);
  lowered[0].values.forEach((value, i) => expect(value).toBeCloseTo(eager[0].values[i], 4));
});

test.each([
  ['halves', [1, 2], false, 'resizes images by 0.5 and 0.5, and only whole factors have a translation'],
  ['aligned corners', [4, 8], true, 'aligns corners, which has no translation'],
] as const)('%s are refused', async (_, size, aligned, message) => {
  const compute = (tensors: Record<string, tf.Tensor>) => tf.image.resizeNearestNeighbor(tensors.x as tf.Tensor4D, [...size], aligned);
  await expect(compareWithEager({ x }, compute)).rejects.toThrow(message);
});

import * as tf from '@tensorflow/tfjs-core';
import { randomUniform } from '../../graph/random-uniform-kernel.js';
import type { Batch } from '../engines/training-step.js';
import { mix } from '../losses/loss.js';
import { augmentImages } from './augment-images.js';
import type { AugmentationPlan } from './augmentation-plan.js';
import { betaQuantiles } from './beta-quantiles.js';
import { randomNormal } from './random-normal.js';

/** Streams of random numbers by what they are for; an option that is added changes the numbers of no other. */
const streams = { jitter: 0, droppedNumbers: 1, droppedCategories: 2, mixup: 3, mixedCategories: 4, images: 5 } as const;

/** How many streams of random numbers a step's augmentation takes, after those of the network. */
export function augmentationStreams(plan: AugmentationPlan | undefined): number {
  return plan ? Object.keys(streams).length : 0;
}

/** Parts of the Beta distribution that shares are drawn from. */
const mixupShares = 4096;
let newest: { readonly alpha: number; readonly shares: Float32Array } | undefined;

/** An eager engine asks in every step. */
function sharesOf(alpha: number): Float32Array {
  if (newest?.alpha !== alpha) newest = { alpha, shares: betaQuantiles(alpha, mixupShares) };
  return newest.shares;
}

/**
 * Change the rows of a mini-batch at random; a pure function of the batch and the keys.
 *
 * @param keys of all streams of the step, int32 [2S]
 * @param firstStream the first one that is not the network's
 */
export function augmentBatch(plan: AugmentationPlan, batch: Batch, keys: tf.Tensor1D, firstStream: number): Batch {
  const stream = (name: keyof typeof streams) => firstStream + streams[name];
  let { numeric, categorical } = batch;
  if (plan.jitter && numeric) {
    const noise = randomNormal(keys, stream('jitter'), numeric.shape); // [B, F]
    numeric = tf.add(numeric, tf.mul(noise, tf.tensor1d([...plan.jitter])));
  }
  if (plan.featureDropout) {
    const { rate, fill } = plan.featureDropout;
    if (numeric) numeric = dropNumbers(numeric, rate, fill, keys, stream('droppedNumbers'));
    if (categorical) {
      const kept = tf.greaterEqual(randomUniform(keys, stream('droppedCategories'), categorical.shape), rate); // bool [B, C]
      categorical = tf.mul(categorical, tf.cast(kept, 'int32'));
    }
  }
  const image = batch.image && plan.images ? augmentImages(batch.image, plan.images, keys, stream('images')) : batch.image;
  const changed = { ...batch, numeric, categorical, image };
  return plan.mixup ? mixRows(changed, plan.mixup, keys, stream('mixup'), stream('mixedCategories')) : changed;
}

function dropNumbers(numeric: tf.Tensor2D, rate: number, fill: readonly (number | null)[], keys: tf.Tensor1D, stream: number): tf.Tensor2D {
  const rates = tf.tensor1d(fill.map((value) => (value === null ? 0 : rate))); // [F]
  const kept = tf.greaterEqual(randomUniform(keys, stream, numeric.shape), rates); // bool [B, F]
  return tf.where(kept, numeric, tf.tensor2d([fill.map((value) => value ?? 0)]));
}

/**
 * Mix each row with the next one of the batch, whose order is random: numbers and pixels by a share λ ~ Beta(alpha, alpha), the larger one its
 * own. A category cannot be mixed, so each is its own with probability λ, which mixes the expectation of its embedding.
 *
 * @see Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"
 */
function mixRows(batch: Batch, alpha: number, keys: tf.Tensor1D, stream: number, categoryStream: number): Batch {
  const { numeric, categorical, image, target } = batch;
  const [rows] = target.shape;
  const shares = tf.tensor1d(sharesOf(alpha));
  const drawn = tf.cast(tf.mul(randomUniform(keys, stream, [rows, 1]), mixupShares), 'int32'); // [B, 1]
  const share = tf.gather(shares, tf.reshape(drawn, [rows])) as tf.Tensor1D; // [B]
  const column = tf.reshape(share, [rows, 1]); // [B, 1]
  return {
    ...batch,
    numeric: numeric && mix(numeric, nextRows(numeric), column),
    image: image && mix(image, nextRows(image), tf.reshape(share, [rows, 1, 1, 1])),
    categorical: categorical && mixCategories(categorical, column, keys, categoryStream),
    mixed: { partner: nextRows(target), share },
  };
}

function mixCategories(categorical: tf.Tensor2D, share: tf.Tensor, keys: tf.Tensor1D, stream: number): tf.Tensor2D {
  const isOwn = tf.less(randomUniform(keys, stream, categorical.shape), share); // bool [B, C]
  return tf.where(isOwn, categorical, nextRows(categorical));
}

/** Row i becomes row i + 1, the last one the first. */
function nextRows<T extends tf.Tensor>(x: T): T {
  const [rows] = x.shape;
  const rest = x.shape.slice(1);
  const zeros = rest.map(() => 0);
  return tf.concat([tf.slice(x, [1, ...zeros], [rows - 1, ...rest]), tf.slice(x, [0, ...zeros], [1, ...rest])], 0) as T;
}

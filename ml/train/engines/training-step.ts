import * as tf from '@tensorflow/tfjs-core';
// The core registers no gradients by itself; the layers package brings all of them.
import '@tensorflow/tfjs-layers';
import type { Network } from '../../models/network.js';
import type { NetworkPlan } from '../engine.js';
import { augmentBatch, augmentationStreams } from '../augmentation/augment-batch.js';
import { type BatchTarget, trainingLoss } from '../loss.js';
import { adamW, type OptimizedVectors } from '../optimizer.js';

export interface Batch extends BatchTarget {
  /** int32 [B, C] */
  readonly categorical?: tf.Tensor2D;
  /** float32 [B, F] */
  readonly numeric?: tf.Tensor2D;
  /** float32 [B, height, width, channels] in [0, 1] */
  readonly image?: tf.Tensor4D;
}

/**
 * One training step as a pure function: the eager engines call it, the compiled one records it.
 *
 * @param state flat vectors [P]
 * @param scalars `stepScalars` of the step
 * @param keys `randomKeys` of the step for `randomStreams` streams; absent where there are none
 */
export function trainingStep(
  network: Network,
  plan: NetworkPlan,
  state: OptimizedVectors,
  batch: Batch,
  scalars: tf.Tensor1D,
  keys?: tf.Tensor1D,
): OptimizedVectors & { readonly loss: tf.Scalar } {
  const parameters = splitParameters(network, state.parameters);
  const rows = plan.augmentation && keys ? augmentBatch(plan.augmentation, batch, keys, network.dropoutLayers) : batch;
  const { value: loss, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) =>
    trainingLoss(plan, network.forward(tensors, rows, keys), rows),
  )(parameters);
  const gradient = tf.concat1d(grads.map((grad) => tf.reshape(grad, [-1]) as tf.Tensor1D)); // [P]
  return { ...adamW(state, gradient, scalars, plan.optimizer), loss: loss as tf.Scalar };
}

/** Streams of random numbers of a training step: of the layers that drop units, then of the augmentation. */
export function randomStreams(network: Network, plan: NetworkPlan): number {
  return network.dropoutLayers + augmentationStreams(plan.augmentation);
}

/** Flat vector [P] → the network's parameters in their shapes. */
export function splitParameters(network: Network, flat: tf.Tensor1D): tf.Tensor[] {
  const parts = tf.split(
    flat,
    network.parameters.map(({ size }) => size),
  );
  return network.parameters.map(({ shape }, i) => tf.reshape(parts[i], [...shape]));
}

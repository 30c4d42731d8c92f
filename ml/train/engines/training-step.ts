import * as tf from '@tensorflow/tfjs-core';
// The core registers no gradients by itself; the layers package brings all of them.
import '@tensorflow/tfjs-layers';
import type { Network } from '../../models/network.js';
import type { NetworkPlan } from '../engine.js';
import { trainingLoss } from '../loss.js';
import { adamW, type OptimizedVectors } from '../optimizer.js';

export interface Batch {
  /** int32 [B, C] */
  readonly categorical?: tf.Tensor2D;
  /** float32 [B, F] */
  readonly numeric?: tf.Tensor2D;
  /** [B] */
  readonly target: tf.Tensor1D;
}

/**
 * One training step as a pure function: the eager engines call it, the compiled one records it.
 *
 * @param state flat vectors [P]
 * @param scalars `stepScalars` of the step
 * @param keys `dropoutKeys` of the step, where the network drops units
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
  const { value: loss, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) =>
    trainingLoss(plan.task, network.forward(tensors, batch, keys), batch.target, plan.classWeights),
  )(parameters);
  const gradient = tf.concat1d(grads.map((grad) => tf.reshape(grad, [-1]) as tf.Tensor1D)); // [P]
  return { ...adamW(state, gradient, scalars, plan.optimizer), loss: loss as tf.Scalar };
}

/** Flat vector [P] → the network's parameters in their shapes. */
export function splitParameters(network: Network, flat: tf.Tensor1D): tf.Tensor[] {
  const parts = tf.split(
    flat,
    network.parameters.map(({ size }) => size),
  );
  return network.parameters.map(({ shape }, i) => tf.reshape(parts[i], [...shape]));
}

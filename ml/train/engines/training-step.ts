import * as tf from '@tensorflow/tfjs-core';
// The core registers no gradients by itself; the layers package brings all of them.
import '@tensorflow/tfjs-layers';
import { type Network, type TrainingPass, statisticsOf } from '../../models/network.js';
import type { NetworkPlan } from '../engine.js';
import { augmentBatch, augmentationStreams } from '../augmentation/augment-batch.js';
import { type BatchTarget, trainingLoss } from '../loss.js';
import { averaged, optimize, type OptimizedVectors, stepScalarCount } from '../optimizer.js';

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
 * @param state the vectors that `stateVectors` names
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
  const tensors = splitParameters(network, state.parameters);
  const statistics = statisticsOf(network);
  const trained = tensors.slice(0, tensors.length - statistics.length);
  const fixed = tensors.slice(trained.length);
  const rows = plan.augmentation && keys ? augmentBatch(plan.augmentation, batch, keys, network.dropoutLayers) : batch;
  const gathered = new Map<string, tf.Tensor>();
  const training: TrainingPass = { keys, gather: (name, next) => void gathered.set(name, tf.keep(next)) };
  const { value: loss, grads } = tf.valueAndGrads((...parameters: tf.Tensor[]) =>
    trainingLoss(plan, network.forward([...parameters, ...fixed], rows, training), rows),
  )(trained);
  const gradient = tf.concat1d(grads.map((grad) => tf.reshape(grad, [-1]) as tf.Tensor1D)); // [P]
  const next = optimizeTrained(network, plan, state, gradient, scalars, () =>
    statistics.map(({ name }, i) => tf.reshape(gathered.get(name) ?? fixed[i], [-1]) as tf.Tensor1D),
  );
  tf.dispose([...gathered.values()]);
  return { ...next, loss: loss as tf.Scalar };
}

/** Update the trained part of the parameters, put the statistics behind it, and the average beside it. */
function optimizeTrained(
  network: Network,
  plan: NetworkPlan,
  state: OptimizedVectors,
  gradient: tf.Tensor1D,
  scalars: tf.Tensor1D,
  statistics: () => tf.Tensor1D[],
): OptimizedVectors {
  const { trainedCount, parameterCount } = network;
  const isAllTrained = trainedCount === parameterCount;
  const parameters = isAllTrained ? state.parameters : tf.slice1d(state.parameters, 0, trainedCount); // [P]
  const next = optimize(plan.optimizer, network, { ...state, parameters }, gradient, scalars);
  const whole = isAllTrained ? next.parameters : tf.concat1d([next.parameters, ...statistics()]); // [P + statistics]
  if (state.average === undefined) return { ...next, parameters: whole };
  const decay = tf.reshape(tf.slice1d(scalars, stepScalarCount(plan.optimizer) - 1, 1), []) as tf.Scalar;
  return { ...next, parameters: whole, average: averaged(state.average, whole, decay) };
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

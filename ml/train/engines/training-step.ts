import * as tf from '@tensorflow/tfjs-core';
// The core registers no gradients by itself; the layers package brings all of them.
import '@tensorflow/tfjs-layers';
import { type Network, type TrainingPass, statisticsOf } from '../../models/network.js';
import type { NetworkPlan } from '../engine.js';
import { augmentBatch, augmentationStreams } from '../augmentation/augment-batch.js';
import { type BatchTarget, summedLoss, trainingLoss } from '../losses/loss.js';
import { averaged, optimize, type OptimizedVectors, stepScalarCount } from '../optimizer/optimizer.js';

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
  const { value: loss, gradient } = lossAndGradient(trained, (parameters) =>
    trainingLoss(plan, network.forward([...parameters, ...fixed], rows, training), rows),
  );
  const next = optimizeTrained(network, plan, state, gradient, scalars, () =>
    statistics.map(({ name }, i) => tf.reshape(gathered.get(name) ?? fixed[i], [-1]) as tf.Tensor1D),
  );
  tf.dispose([...gathered.values()]);
  return { ...next, loss };
}

/** @returns the value and its gradient [P] */
function lossAndGradient(
  parameters: readonly tf.Tensor[],
  loss: (parameters: tf.Tensor[]) => tf.Scalar,
): { value: tf.Scalar; gradient: tf.Tensor1D } {
  const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) => loss(given))([...parameters]);
  return { value: value as tf.Scalar, gradient: tf.concat1d(grads.map((grad) => tf.reshape(grad, [-1]) as tf.Tensor1D)) };
}

/** Sums over rows; those of a mini-batch are the sums of its slices'. */
export interface SummedGradient {
  /** Of the total, [P] */
  readonly gradient: tf.Tensor1D;
  /** As `summedLoss` gives them. */
  readonly total: tf.Scalar;
  readonly weight: tf.Scalar;
}

/**
 * What a slice of a mini-batch adds to its gradient; with `updateOfSum`, a training step of a network that gathers no statistics.
 *
 * @param parameters in the order and the shapes of the network's
 * @param rows of the slice, augmented already
 * @param keys as in `trainingStep`
 * @param firstRow int32 []: place of the slice's first row in the mini-batch
 */
export function gradientOfSlice(
  network: Network,
  plan: NetworkPlan,
  parameters: readonly tf.Tensor[],
  rows: Batch,
  keys?: tf.Tensor1D,
  firstRow?: tf.Tensor,
): SummedGradient {
  let weight: tf.Scalar | undefined;
  const gather = (): never => {
    throw new Error('statistics are of a whole mini-batch');
  };
  const { value, gradient } = lossAndGradient(parameters, (given) => {
    const sums = summedLoss(plan, network.forward(given, rows, { keys, firstRow, gather }), rows);
    weight = tf.keep(sums.weight);
    return sums.total;
  });
  return { gradient, total: value, weight: weight! };
}

/** The step that the sums over a whole mini-batch ask for. @param scalars `stepScalars` of the step */
export function updateOfSum(
  network: Network,
  plan: NetworkPlan,
  state: OptimizedVectors,
  { gradient, total, weight }: SummedGradient,
  scalars: tf.Tensor1D,
): OptimizedVectors & { readonly loss: tf.Scalar } {
  return { ...optimizeTrained(network, plan, state, tf.div(gradient, weight), scalars, () => []), loss: tf.div(total, weight) };
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

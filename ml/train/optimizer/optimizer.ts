import * as tf from '@tensorflow/tfjs-core';
import type { Network } from '../../models/network.js';
import type { StateOf } from '../checkpoint/engine-state.js';
import type { AdamPlan, OptimizerPlan, SgdPlan } from './optimizer-plan.js';

/** Numbers of a step that `stepScalars` gives. */
export function stepScalarCount(optimizer: OptimizerPlan): number {
  return (optimizer.kind === 'sgd' ? 1 : 3) + (optimizer.averageDecay === undefined ? 0 : 1);
}

/**
 * The numbers of a step that depend on its place alone, computed in float64.
 *
 * Adam: moving the bias corrections c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ into the step size and epsilon leaves fewer operations on the
 * vectors: α·(m/c₁) / (√(v/c₂) + ε) = α·(√c₂/c₁) · m / (√v + ε·√c₂). So does carrying the moments without the factors 1 − β₁ and
 * 1 − β₂ of each gradient, which are put in here too: m = (1 − β₁)·M and v = (1 − β₂)·V.
 *
 * An average begins with what it has: min(decay, (1 + t) / (10 + t)), as TensorFlow's `ExponentialMovingAverage` with `num_updates`.
 *
 * @param step t, counts from 1
 * @returns Adam: [step size, epsilon, factor of the weights' decay]; SGD: [rate]; then the average's decay, if there is one
 */
export function stepScalars(optimizer: OptimizerPlan, learningRate: number, step: number): number[] {
  const { averageDecay } = optimizer;
  const average = averageDecay === undefined ? [] : [Math.min(averageDecay, (1 + step) / (10 + step))];
  if (optimizer.kind === 'sgd') return [learningRate, ...average];
  const { beta1, beta2, epsilon, weightDecay, kind } = optimizer;
  const first = 1 - beta1 ** step;
  const second = Math.sqrt((1 - beta2 ** step) / (1 - beta2));
  const decay = kind === 'adam' ? 1 : 1 - learningRate * weightDecay;
  return [(learningRate * second * (1 - beta1)) / first, epsilon * second, decay, ...average];
}

export type OptimizedVectors = StateOf<tf.Tensor1D>;

/**
 * One update of the trained parameters.
 *
 * @param state the carried vectors; `parameters` and `average` of the trained parameters alone, [P] each
 * @param gradient [P]
 * @param scalars `stepScalars` of the step
 */
export function optimize(
  optimizer: OptimizerPlan,
  network: Pick<Network, 'parameters' | 'trainedCount'>,
  state: OptimizedVectors,
  gradient: tf.Tensor1D,
  scalars: tf.Tensor1D,
): OptimizedVectors {
  const numbers: tf.Tensor1D[] = tf.split(scalars, scalars.size); // [1] each
  const clipped = clip(optimizer, gradient); // [P]
  return optimizer.kind === 'sgd'
    ? sgd(state, penalized(optimizer, network, state, clipped), numbers, optimizer)
    : optimizer.kind === 'adam'
      ? adam(state, penalized(optimizer, network, state, clipped), numbers, optimizer)
      : adam(state, clipped, numbers, optimizer, () => decayed(optimizer, network, state, numbers[2]));
}

/**
 * An average of the parameters after a step: d · average + (1 − d) · parameters.
 *
 * @see Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging"
 */
export function averaged(average: tf.Tensor1D, parameters: tf.Tensor1D, decay: tf.Scalar): tf.Tensor1D {
  return tf.add(parameters, tf.mul(tf.sub(average, parameters), decay));
}

/** @see Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1 */
function clip({ clipValue, clipNorm }: OptimizerPlan, gradient: tf.Tensor1D): tf.Tensor1D {
  const bounded = clipValue === undefined ? gradient : tf.clipByValue(gradient, -clipValue, clipValue);
  if (clipNorm === undefined) return bounded;
  const length = tf.sqrt(tf.sum(tf.square(bounded))); // []
  return tf.mul(bounded, tf.div(clipNorm, tf.maximum(length, clipNorm))); // [P]
}

/** Adds the derivative of ½ · weightDecay · ‖parameters‖². */
function penalized(
  optimizer: OptimizerPlan,
  network: Pick<Network, 'parameters' | 'trainedCount'>,
  { parameters }: OptimizedVectors,
  gradient: tf.Tensor1D,
): tf.Tensor1D {
  const { weightDecay, weightDecayOf } = optimizer;
  if (weightDecay === 0) return gradient;
  const strength = weightDecayOf === 'matrices' ? tf.tensor1d(matrixMask(network).map((is) => is * weightDecay)) : weightDecay;
  return tf.add(gradient, tf.mul(parameters, strength));
}

function decayed(
  { weightDecay, weightDecayOf }: OptimizerPlan,
  network: Pick<Network, 'parameters' | 'trainedCount'>,
  { parameters }: OptimizedVectors,
  factor: tf.Tensor1D,
): tf.Tensor1D {
  if (weightDecay === 0) return parameters;
  if (weightDecayOf !== 'matrices') return tf.mul(parameters, factor);
  const loss = tf.mul(tf.tensor1d(matrixMask(network)), tf.sub(1, factor)); // [P]
  return tf.sub(parameters, tf.mul(parameters, loss));
}

/** @returns 1 for an element of a parameter of rank 2 or more, else 0; [P] */
function matrixMask({ parameters, trainedCount }: Pick<Network, 'parameters' | 'trainedCount'>): Float32Array {
  const mask = new Float32Array(trainedCount);
  for (const { shape, offset, size } of parameters) if (shape.length > 1 && offset < trainedCount) mask.fill(1, offset, offset + size);
  return mask;
}

/**
 * Adam, and with parameters that were decayed before, AdamW. The moments are carried as Σ β₁ᵗ⁻ⁱ·gᵢ and Σ β₂ᵗ⁻ⁱ·gᵢ², see `stepScalars`.
 *
 * @see Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1
 * @see Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2
 */
function adam(
  state: OptimizedVectors,
  gradient: tf.Tensor1D,
  [stepSize, epsilon]: tf.Tensor1D[],
  { beta1, beta2 }: AdamPlan,
  from = () => state.parameters,
): OptimizedVectors {
  const firstMoment: tf.Tensor1D = tf.add(tf.mul(state.firstMoment!, beta1), gradient); // [P]
  const secondMoment: tf.Tensor1D = tf.add(tf.mul(state.secondMoment!, beta2), tf.square(gradient)); // [P]
  const update = tf.div(tf.mul(firstMoment, stepSize), tf.add(tf.sqrt(secondMoment), epsilon)); // [P]
  return { parameters: tf.sub(from(), update), firstMoment, secondMoment };
}

/**
 * Velocity ← momentum · velocity + gradient; the step follows it, or with Nesterov gradient + momentum · velocity.
 *
 * @see Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", in the form of `tf.train.momentum`
 */
function sgd(state: OptimizedVectors, gradient: tf.Tensor1D, [rate]: tf.Tensor1D[], { momentum, nesterov }: SgdPlan): OptimizedVectors {
  if (momentum === 0) return { parameters: tf.sub(state.parameters, tf.mul(gradient, rate)) };
  const firstMoment: tf.Tensor1D = tf.add(tf.mul(state.firstMoment!, momentum), gradient); // [P]
  const direction = nesterov ? tf.add(gradient, tf.mul(firstMoment, momentum)) : firstMoment; // [P]
  return { parameters: tf.sub(state.parameters, tf.mul(direction, rate)), firstMoment };
}

import * as tf from '@tensorflow/tfjs-core';
import type { StepPlan } from './engine.js';

type AdamW = StepPlan['optimizer'];

/** Length of `stepScalars`' result. */
export const stepScalarCount = 3;

/**
 * The numbers of an AdamW step that depend on the step's number, computed in float64.
 *
 * Moving the bias corrections c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ into the step size and epsilon leaves fewer operations on the vectors:
 * α·(m/c₁) / (√(v/c₂) + ε) = α·(√c₂/c₁) · m / (√v + ε·√c₂).
 *
 * @param step counts from 1
 * @returns [step size, epsilon, factor of the weights' decay]
 */
export function stepScalars({ beta1, beta2, epsilon, weightDecay }: AdamW, learningRate: number, step: number): [number, number, number] {
  const first = 1 - beta1 ** step;
  const second = Math.sqrt(1 - beta2 ** step);
  return [(learningRate * second) / first, epsilon * second, 1 - learningRate * weightDecay];
}

export interface OptimizedVectors {
  readonly parameters: tf.Tensor1D;
  readonly firstMoment: tf.Tensor1D;
  readonly secondMoment: tf.Tensor1D;
}

/**
 * One AdamW update on flat vectors [P].
 *
 * @param scalars `stepScalars` of the step, [3]
 * @see Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2
 */
export function adamW(state: OptimizedVectors, gradient: tf.Tensor1D, scalars: tf.Tensor1D, optimizer: AdamW): OptimizedVectors {
  const { beta1, beta2, weightDecay } = optimizer;
  const [stepSize, epsilon, decay] = tf.unstack(scalars); // [] each
  const firstMoment: tf.Tensor1D = tf.add(tf.mul(state.firstMoment, beta1), tf.mul(gradient, 1 - beta1)); // [P]
  const secondMoment: tf.Tensor1D = tf.add(tf.mul(state.secondMoment, beta2), tf.mul(tf.square(gradient), 1 - beta2)); // [P]
  const update = tf.div(tf.mul(firstMoment, stepSize), tf.add(tf.sqrt(secondMoment), epsilon)); // [P]
  const decayed = weightDecay === 0 ? state.parameters : tf.mul(state.parameters, decay); // [P]
  return { parameters: tf.sub(decayed, update), firstMoment, secondMoment };
}

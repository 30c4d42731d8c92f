import * as tf from '@tensorflow/tfjs-core';
import { ones, zeros } from './initializer.js';
import type { NetworkBuilder, ParameterReader, TrainingPass } from './network.js';

/** Share of itself that a running statistic keeps in a step. */
const momentum = 0.9;
const epsilon = 1e-5;

/**
 * Each channel to mean 0 and variance 1 over the mini-batch, then times `<name>/scale` [channels] plus `<name>/shift` [channels].
 *
 * Outside of training by the running statistics `<name>/mean` and `<name>/variance` [channels], which every training step moves
 * towards those of its mini-batch (the variance of the batch itself, not an estimate of its source's).
 *
 * @param axes those that a channel's statistics are taken over: all but the last
 * @see Ioffe and Szegedy 2015, "Batch Normalization", algorithms 1 and 2
 */
export function addBatchNormalization<T extends tf.Tensor>(
  builder: NetworkBuilder,
  name: string,
  channels: number,
  axes: number[],
): (read: ParameterReader, x: T, training?: TrainingPass) => T {
  const scale = builder.parameter(`${name}/scale`, [channels], ones);
  const shift = builder.parameter(`${name}/shift`, [channels], zeros);
  const runningMean = builder.statistic(`${name}/mean`, [channels], zeros);
  const runningVariance = builder.statistic(`${name}/variance`, [channels], ones);
  return (read, x, training) => {
    const mean = training ? tf.mean(x, axes) : read(runningMean); // [channels]
    const centered = tf.sub(x, mean); // as x
    const variance = training ? tf.mean(tf.square(centered), axes) : read(runningVariance); // [channels]
    training?.gather(runningMean, towards(read(runningMean), mean));
    training?.gather(runningVariance, towards(read(runningVariance), variance));
    const normal = tf.mul(centered, tf.rsqrt(tf.add(variance, epsilon))); // as x
    return tf.add(tf.mul(normal, read(scale)), read(shift)); // as x
  };
}

function towards(running: tf.Tensor, present: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(running, momentum), tf.mul(present, 1 - momentum));
}

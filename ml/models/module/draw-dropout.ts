import * as tf from '@tensorflow/tfjs-core';
import { dropoutMask } from '../../graph/dropout-kernel.js';
import type { TrainingPass } from '../network.js';

/** Draws the masks of one forward pass, each call from the next stream of random numbers. */
export class DropoutDraws {
  private drawn = 0;

  constructor(private readonly training: TrainingPass | undefined) {}

  /** Calls so far. */
  get count(): number {
    return this.drawn;
  }

  /** @param x [N, …] */
  apply<T extends tf.Tensor>(x: T, rate: number): T {
    if (!(rate >= 0 && rate < 1)) throw new Error(`dropout of a rate of ${rate}, expected 0 or more and less than 1`);
    if (rate === 0 || !this.training) return x;
    const stream = this.drawn++;
    if (!this.training.keys) throw new Error('dropout draws from keys that this pass has not got');
    const rows = x.shape[0];
    const mask = dropoutMask(this.training.keys, stream, [rows, x.size / rows], rate, this.training.firstRow); // [N, elements]
    return tf.mul(x, tf.reshape(mask, x.shape));
  }
}

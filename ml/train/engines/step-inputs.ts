import type * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { TapeInput } from '../../graph/tape.js';
import type { Network } from '../../models/network.js';
import type { NetworkPlan } from '../engine.js';
import { stateVectors } from '../checkpoint/engine-state.js';
import { stepScalarCount } from '../optimizer/optimizer.js';
import { type Batch, randomStreams } from './training-step.js';

/** What a recorded training step reads, by name. */
type TapeInputs = Record<string, TapeInput>;

/** The carried vectors, and the step's numbers. */
export function stateInputs(network: Network, plan: NetworkPlan): TapeInputs {
  const vectors = stateVectors(plan.optimizer, network);
  return {
    ...Object.fromEntries(vectors.map(({ name, size }) => [name, { shape: [size], dtype: 'float32' } satisfies TapeInput])),
    scalars: { shape: [stepScalarCount(plan.optimizer)], dtype: 'float32' },
  };
}

/** Empty where a step draws no random numbers. */
export function keyInputs(network: Network, plan: NetworkPlan): TapeInputs {
  const streams = randomStreams(network, plan);
  return streams > 0 ? { randomKeys: { shape: [2 * streams], dtype: 'int32' } } : {};
}

/** The matrices and the target of some rows. */
export function batchInputs({ categorical, numeric, image }: FeatureLayout, rows: number): TapeInputs {
  return {
    ...(categorical.length > 0 ? { categorical: { shape: [rows, categorical.length], dtype: 'int32' } satisfies TapeInput } : {}),
    ...(numeric.length > 0 ? { numeric: { shape: [rows, numeric.length], dtype: 'float32' } satisfies TapeInput } : {}),
    ...(image ? { image: { shape: [rows, image.height, image.width, image.channels], dtype: 'float32' } satisfies TapeInput } : {}),
    target: { shape: [rows], dtype: 'float32' },
  };
}

/** The rows among a recording's tensors. */
export function batchOf(tensors: Readonly<Record<string, tf.Tensor>>): Batch {
  const { categorical, numeric } = tensors as Record<string, tf.Tensor2D | undefined>;
  const { target, partner, share } = tensors as Record<string, tf.Tensor1D>;
  return {
    categorical,
    numeric,
    image: tensors.image as tf.Tensor4D | undefined,
    target,
    ...(partner ? { mixed: { partner, share } } : {}),
  };
}

import { operationName } from '../../graph/operation-name.js';
import { messageOf } from './module-failure.js';

/** By kernel: operations that have a gradient and a translation, and do the same. */
const replacements: Readonly<Record<string, string>> = {
  DepthToSpace: 'tf.reshape and tf.transpose',
  Einsum: 'tf.matMul, with tf.transpose and tf.reshape around it, or tf.mul and tf.sum',
  GatherNd: 'tf.gather',
  MatrixBandPart: 'tf.mul by a constant tensor of ones and zeros',
  StridedSlice: 'tf.slice, or tf.gather where the step is not 1',
};

/** Why a model cannot be differentiated. */
export interface MissingGradient {
  readonly problem: string;
  readonly remedy: string;
}

/**
 * Say which operation has no gradient in TensorFlow.js, as the model's code calls it, and what does the same.
 *
 * @param error what differentiating threw
 * @returns undefined where it is about something else
 */
export function missingGradient(error: unknown): MissingGradient | undefined {
  const kernel = /gradient function not found for (\w+)/.exec(messageOf(error))?.[1];
  if (kernel === undefined) return undefined;
  const instead = replacements[kernel];
  return {
    problem: `it calls ${operationName(kernel)}, which has no gradient in TensorFlow.js`,
    remedy: `Write it with operations that have a gradient${instead === undefined ? '' : `: ${instead}`}.`,
  };
}

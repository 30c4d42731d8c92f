import type { FittedTransform } from '../../contracts/dataset.js';
import type { AnomalyScore } from '../../contracts/training-profile.js';
import { scoredColumns } from './scored-columns.js';
import { stairAt, toFloat32 } from './surprisal.js';

/** Rows as callers send them, and the indices that SQL made of them, row-major [rows, C]. */
export interface EncodedRows {
  readonly instances: readonly Readonly<Record<string, string | number | boolean | null>>[];
  readonly categorical?: Int32Array;
}

/**
 * The scores of rows without the graph: indices as SQL encodes them, numbers as they are, sums and steps in JavaScript.
 *
 * @returns undefined where an index is scored that the network's matrix does not have
 */
export function expectedScores(
  transform: Pick<FittedTransform, 'features' | 'inputs' | 'layout'>,
  score: AnomalyScore,
  { instances, categorical }: EncodedRows,
): Float32Array | undefined {
  const { indices, numbers } = scoredColumns(transform);
  if (indices.some(({ position }) => position === undefined)) return undefined;
  const width = transform.layout.categorical.length;
  return Float32Array.from(instances, (instance, row) => {
    let sum = 0;
    for (const { feature, position } of indices)
      sum += score.indices.find((index) => index.feature === feature)!.values[categorical![row * width + position!]];
    for (const { name } of numbers) {
      const { present, missing } = score.numbers.find(({ input }) => input === name)!;
      const value = instance[name];
      sum += value === null || value === undefined ? missing : stairAt(present, toFloat32(Number(value)));
    }
    return stairAt(score.scale, Math.fround(sum));
  });
}

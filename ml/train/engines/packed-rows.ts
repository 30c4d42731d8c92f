import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { EncodedData } from '../engine.js';

/** Longest packed row: of longer ones the copying costs more than the look-ups that are saved. */
const mostColumns = 16;
/** Whole numbers below it are exact in float32. */
const exactBelow = 2 ** 24;

/**
 * Whether the columns of a row are laid beside each other in one matrix, so that a mini-batch takes one look-up in memory for each row
 * instead of one for each of its matrices.
 */
export function isPacked(layout: FeatureLayout): boolean {
  const { categorical, image } = layout;
  return !image && categorical.length > 0 && packedWidth(layout) <= mostColumns && categorical.every(({ size }) => size <= exactBelow);
}

/** Numbers of a packed row. */
export function packedWidth({ categorical, numeric }: FeatureLayout): number {
  return categorical.length + numeric.length + 1;
}

/**
 * @param packed float32 [rows, C + F + 1], takes indices, numbers, target
 * @returns `packed`
 */
export function packRows(
  layout: FeatureLayout,
  { rows, categorical, numeric, target }: EncodedData,
  packed: Float32Array = new Float32Array(rows * packedWidth(layout)),
): Float32Array {
  const [indices, numbers] = [layout.categorical.length, layout.numeric.length];
  for (let row = 0, at = 0; row < rows; row++) {
    for (let i = row * indices; i < (row + 1) * indices; i++) packed[at++] = categorical![i];
    for (let i = row * numbers; i < (row + 1) * numbers; i++) packed[at++] = numeric![i];
    packed[at++] = target[row];
  }
  return packed;
}

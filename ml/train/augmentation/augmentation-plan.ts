import type { AugmentationSpec, ImageAugmentationSpec } from '../../../contracts/pipeline.js';

/** How a mini-batch is changed at random, in the units of the encoded matrices; plain JSON. */
export interface AugmentationPlan {
  /** Standard deviation of the noise on each numeric column, shape [F]; 0 = none. */
  readonly jitter?: readonly number[];
  readonly featureDropout?: {
    readonly rate: number;
    /** What a dropped number becomes, shape [F]; null = the column is never dropped. */
    readonly fill: readonly (number | null)[];
  };
  /** Both parameters of the Beta distribution that two rows' shares come from. */
  readonly mixup?: number;
  readonly images?: ImageAugmentationSpec;
}

/**
 * Put an augmentation into the units of the encoded training part: means and standard deviations are those of its columns, so a
 * feature that is not scaled is treated like one that is.
 *
 * Columns of zeros and ones, which say whether something is so (a value is missing, a category is this one), are neither jittered
 * nor dropped.
 *
 * @param columns number of numeric columns, F
 * @param numeric [rows, F], row-major
 * @returns undefined when nothing is asked for
 */
export function createAugmentationPlan(
  spec: AugmentationSpec | undefined,
  columns: number,
  numeric: Float32Array = new Float32Array(0),
): AugmentationPlan | undefined {
  if (!spec) return undefined;
  const { jitter, featureDropout, mixup } = spec;
  const images = spec.images && Object.keys(spec.images).length > 0 ? spec.images : undefined;
  if (!jitter && !featureDropout && !mixup && !images) return undefined;
  const moments = jitter || featureDropout ? Array.from({ length: columns }, (_, i) => columnMoments(numeric, columns, i)) : [];
  return {
    ...(jitter ? { jitter: moments.map((column) => (column ? jitter * column.deviation : 0)) } : {}),
    ...(featureDropout ? { featureDropout: { rate: featureDropout, fill: moments.map((column) => column?.mean ?? null) } } : {}),
    ...(mixup ? { mixup } : {}),
    ...(images ? { images } : {}),
  };
}

/** @returns undefined for a column of zeros and ones */
function columnMoments(numeric: Float32Array, columns: number, column: number): { mean: number; deviation: number } | undefined {
  const rows = numeric.length / columns;
  let isIndicator = true;
  let mean = 0;
  for (let i = column; i < numeric.length; i += columns) {
    isIndicator &&= numeric[i] === 0 || numeric[i] === 1;
    mean += numeric[i];
  }
  if (isIndicator) return undefined;
  mean /= rows;
  let squares = 0;
  for (let i = column; i < numeric.length; i += columns) squares += (numeric[i] - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / rows) };
}

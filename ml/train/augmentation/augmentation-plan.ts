import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { AugmentationSpec, ImageAugmentationSpec } from '../../../contracts/pipeline.js';
import { isMissingIndicator } from '../../data/feature-layout.js';

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
 * feature that is not scaled is treated like one that is. Indicators of missing values are left alone.
 *
 * @param numeric [rows, F], row-major
 * @returns undefined when nothing is asked for
 */
export function createAugmentationPlan(
  spec: AugmentationSpec | undefined,
  layout: FeatureLayout,
  numeric: Float32Array | undefined,
): AugmentationPlan | undefined {
  if (!spec) return undefined;
  const { jitter, featureDropout, mixup } = spec;
  const images = spec.images && Object.keys(spec.images).length > 0 ? spec.images : undefined;
  if (!jitter && !featureDropout && !mixup && !images) return undefined;
  const columns = jitter || featureDropout ? columnMoments(numeric ?? new Float32Array(0), layout.numeric.length) : [];
  const isIndicator = layout.numeric.map((_, column) => isMissingIndicator(layout, column));
  return {
    ...(jitter ? { jitter: columns.map(({ deviation }, i) => (isIndicator[i] ? 0 : jitter * deviation)) } : {}),
    ...(featureDropout
      ? { featureDropout: { rate: featureDropout, fill: columns.map(({ mean }, i) => (isIndicator[i] ? null : mean)) } }
      : {}),
    ...(mixup ? { mixup } : {}),
    ...(images ? { images } : {}),
  };
}

function columnMoments(numeric: Float32Array, columns: number): { mean: number; deviation: number }[] {
  const rows = numeric.length / columns;
  return Array.from({ length: columns }, (_, column) => {
    let mean = 0;
    for (let i = column; i < numeric.length; i += columns) mean += numeric[i];
    mean /= rows;
    let squares = 0;
    for (let i = column; i < numeric.length; i += columns) squares += (numeric[i] - mean) ** 2;
    return { mean, deviation: Math.sqrt(squares / rows) };
  });
}

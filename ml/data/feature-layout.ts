import type { FeatureLayout, FittedFeature } from '../../contracts/dataset.js';

type CalendarPart = Extract<FittedFeature, { kind: 'calendar' }>['part'];

/** Embedding rows of a calendar part: its values and index 0 for a missing timestamp. */
const calendarSizes: Readonly<Record<CalendarPart, number>> = { month: 13, dayOfMonth: 32, dayOfWeek: 8, hour: 25, minute: 61 };

/**
 * Column order of the two matrices that a list of features encodes to.
 *
 * Pure. Index columns keep the order of the features; numeric values keep it too, and the indicators of
 * missing values come after all of them, so that the graph needs no permutation.
 */
export function layoutOf(features: readonly FittedFeature[]): FeatureLayout {
  const numeric = features.filter((feature) => feature.kind === 'numeric');
  return {
    categorical: features
      .filter((feature) => feature.kind !== 'numeric')
      .map((feature) => ({
        name: feature.name,
        size: feature.kind === 'categorical' ? feature.vocabulary.length + 1 : calendarSizes[feature.part],
        dimension: feature.dimension,
      })),
    numeric: [
      ...numeric.map((feature) => feature.name),
      ...numeric.filter((feature) => feature.missingIndicator).map((feature) => `${feature.name} is missing`),
    ],
  };
}

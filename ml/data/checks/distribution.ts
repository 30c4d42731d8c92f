import type { ColumnStatistics } from '../../../contracts/dataset.js';
import type { FrozenDistribution } from '../../../contracts/pipeline.js';
import { maxBins } from '../../../contracts/pipeline/frozen-schema.js';

const digits = 6;

/**
 * The distribution of a column as a frozen schema keeps it: shares of the frequent categories, or a histogram.
 *
 * Pure. Times have none: those of tomorrow are meant to differ from those of today.
 *
 * @returns undefined when the statistics say too little
 */
export function distributionOf(statistics: ColumnStatistics): FrozenDistribution | undefined {
  const { type, histogram, histogramEdges: edges, topValues, rows, missing, sampledRows } = statistics;
  if (type === 'integer' || type === 'float') {
    const total = (histogram ?? []).reduce((sum, n) => sum + n, 0);
    if (!histogram || !edges || total === 0 || histogram.length > maxBins) return undefined;
    return { kind: 'histogram', edges: [...edges], shares: histogram.map((n) => rounded(n / total)) };
  }
  if ((type !== 'string' && type !== 'boolean') || !topValues || topValues.length === 0) return undefined;
  const total = (sampledRows ?? rows) * (1 - missing / rows);
  const shares = topValues.map(({ value, rows: n }): [string, number] => [value, rounded(Math.min(1, n / total))]);
  return { kind: 'categories', shares: Object.fromEntries(shares) };
}

export function rounded(value: number): number {
  return Number(value.toPrecision(digits));
}

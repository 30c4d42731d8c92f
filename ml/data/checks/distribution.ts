import type { ColumnStatistics } from '../../../contracts/dataset.js';
import type { FrozenDistribution } from '../../../contracts/pipeline.js';
import { maxBins } from '../../../contracts/pipeline/frozen-schema.js';
import { namesThings } from './identity-name.js';

const digits = 6;

/**
 * The distribution of a column as a frozen schema keeps it: shares of the frequent categories, or a histogram.
 *
 * Pure. Times and numbers of rows have none: those of tomorrow are meant to differ from those of today.
 *
 * @returns undefined when the statistics say too little
 */
export function distributionOf(statistics: ColumnStatistics): FrozenDistribution | undefined {
  const { type, histogram, histogramEdges: edges, topValues, rows, missing, sampledRows } = statistics;
  if (looksLikeId(statistics)) return undefined;
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

/** Of fewer numbers each is a category of its own, whatever it is called. */
const manyIds = 50;

/** Integers that nearly all differ (a number of the row, of the order), or many that name things by the column's name (`customer`). */
export function looksLikeId({ column, type, distinct, rows, missing }: ColumnStatistics): boolean {
  if (type !== 'integer' || rows <= 20 || distinct === undefined) return false;
  return distinct >= 0.95 * (rows - missing) || (distinct > manyIds && namesThings(column));
}

export function rounded(value: number): number {
  return Number(value.toPrecision(digits));
}

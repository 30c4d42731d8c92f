import { describe, expect, it } from '@jest/globals';
import type { ColumnStatistics } from '../../../contracts/dataset.js';
import { distributionOf } from './distribution.js';

const integers = (column: string, distinct: number): ColumnStatistics => ({
  column,
  type: 'integer',
  rows: 5000,
  missing: 0,
  distinct,
  histogram: [2500, 2500],
  histogramEdges: [0, 150, 300],
});

describe('the distribution that a schema keeps', () => {
  it.each([
    ['customer', 300, undefined],
    ['store_nr', 300, undefined],
    ['userId', 300, undefined],
    ['serial', 4900, undefined],
    ['age', 90, 'histogram'],
    ['customers', 300, 'histogram'],
    ['store', 12, 'histogram'],
  ])('of "%s" with %i different integers is %s', (column, distinct, kind) => {
    expect(distributionOf(integers(column, distinct))?.kind).toBe(kind);
  });
});

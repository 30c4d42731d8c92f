import type { ColumnFigures, ColumnStatistics } from '../../../contracts/dataset.js';
import type { BySplit } from './basic-figures.js';

/** What one way of looking at a column finds. */
export type Distribution = Pick<ColumnStatistics, 'histogramEdges' | 'mutualInformation'> & {
  readonly bySplit: BySplit<Partial<ColumnFigures>>;
};

import type { ColumnFigures, ColumnStatistics, SplitName } from '../../../contracts/dataset.js';

/** A split as the page shows it, or all rows. */
export interface ShownPart {
  readonly name: SplitName | 'all';
  readonly figures: ColumnFigures;
}

/** The splits that have rows; all rows where there are none. */
export function shownSplits(column: ColumnStatistics): ShownPart[] {
  const splits = (['train', 'validation', 'test'] as const).flatMap((name) => {
    const figures = column.splits?.[name];
    return figures && figures.rows > 0 ? [{ name, figures }] : [];
  });
  return splits.length > 0 ? splits : [{ name: 'all', figures: column }];
}

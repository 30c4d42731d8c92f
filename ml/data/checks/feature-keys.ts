import type { ColumnSpec, FeatureSpec } from '../../../contracts/pipeline.js';
import { partColumn } from '../split/part-relation.js';
import { binSql } from '../statistics/bin-sql.js';
import { identifier } from '../sql-quoting.js';
import type { CheckContext } from './check-context.js';

/** A number of more different values than that is looked at in as many bins of equal size. */
const mostBins = 256;

/**
 * SQL of the groups into which a feature divides the rows, as the model could see them at best: the category, the part of
 * the calendar, the number itself or its bin.
 *
 * Bins are of equal size in the training part of the sample.
 */
export async function featureKey(context: CheckContext, feature: FeatureSpec, type: ColumnSpec['type']): Promise<string> {
  const column = identifier(feature.column);
  if (feature.kind === 'calendar') return `${feature.part.toLowerCase()}(${column})`;
  if (type !== 'integer' && type !== 'float') return column;
  const { session, sample } = context;
  const levels = Array.from({ length: mostBins - 1 }, (_, i) => (i + 1) / mostBins).join(', ');
  const fitted = `${sample} WHERE ${partColumn} = 0`;
  const [{ edges }] = await session.rows(`SELECT CAST(quantile_disc(${column}, [${levels}]) AS DOUBLE[]) AS edges FROM ${fitted}`);
  if (!Array.isArray(edges)) return column;
  const increasing = (edges as number[]).filter((edge, i, all) => i === 0 || edge > all[i - 1]);
  // Where no edge repeats, there are at least as many values as bins, and they need not be counted.
  if (increasing.length < mostBins - 1) {
    const [{ distinct }] = await session.rows(`SELECT count(DISTINCT ${column}) AS distinct FROM ${fitted}`);
    if (Number(distinct) <= mostBins) return column;
  }
  return binSql(`CAST(${column} AS DOUBLE)`, increasing);
}

import { quantileLevels } from '../../../contracts/dataset.js';
import type { DataSession } from '../duckdb-session.js';
import { splitNames } from '../split/split-sql.js';
import { targetColumn } from '../target-column.js';
import { splitKey } from './basic-figures.js';
import { binSql } from './bin-sql.js';
import { asNumber, type DescribedColumn } from './described-column.js';
import { splitColumn } from './described-rows.js';
import type { Distribution } from './distribution.js';
import { binOf, histogramEdges } from './histogram-edges.js';
import { mutualInformation } from './mutual-information.js';

/** Bins of equally many rows that mutual information is computed over. */
const equalBins = 20;
export const equalBinLevels: readonly number[] = Array.from({ length: equalBins - 1 }, (_, i) => (i + 1) / equalBins);
const levels = [...new Set([...quantileLevels, ...equalBinLevels])].toSorted((a, b) => a - b);

type Split = number | 'all' | 'none';

/**
 * Quantiles, histogram and mutual information of an ordered column of many values, in two passes over the sample.
 *
 * @param sample relation of `sampleOf`
 * @param classSql SQL of `targetClassSql`
 * @param countsDistinct count different values exactly, which holds them in memory
 * @returns undefined when the column has no value
 */
export async function numberDistribution(
  session: DataSession,
  sample: string,
  column: DescribedColumn,
  classSql: string,
  countsDistinct: boolean,
): Promise<Distribution | undefined> {
  const values = `SELECT ${splitColumn}, ${targetColumn}, ${asNumber(column)} AS value FROM ${sample}`;
  const distinct = countsDistinct ? ', count(DISTINCT value) AS distinct' : '';
  const groups = await session.rows(
    `SELECT ${splitColumn}, grouping(${splitColumn}) AS every, min(value) AS min, max(value) AS max, quantile_disc(value, [${levels.join(', ')}]) AS quantiles${distinct} FROM (${values}) WHERE value IS NOT NULL GROUP BY GROUPING SETS ((${splitColumn}), ())`,
  );
  const all = groups.find((group) => splitKey(group) === 'all');
  if (!all || all.quantiles === null) return undefined;
  const at = (group: Record<string, unknown>, wanted: readonly number[]) =>
    wanted.map((level) => (group.quantiles as number[])[levels.indexOf(level)]);
  const [low, high] = at(all, [0.01, 0.99]);
  const edges = histogramEdges({ min: Number(all.min), max: Number(all.max), low, high }, column.kind as 'integer' | 'float' | 'time');
  const equal = [...new Set(at(all, equalBinLevels))];
  const { histograms, pairs } = await countBins(session, values, edges, equal, classSql);
  const bySplit = new Map(
    groups.map((group) => {
      const figures = { quantiles: at(group, quantileLevels), histogram: histograms.get(splitKey(group)) };
      return [splitKey(group), countsDistinct ? { ...figures, distinct: Number(group.distinct) } : figures] as const;
    }),
  );
  const information = mutualInformation(pairs);
  return { bySplit, histogramEdges: edges, ...(information ? { mutualInformation: information } : {}) };
}

/** The bins of the histogram and those of equally many rows are counted in one pass, over bins that both are made of. */
async function countBins(
  session: DataSession,
  values: string,
  edges: readonly number[],
  equal: readonly number[],
  classSql: string,
): Promise<{ readonly histograms: ReadonlyMap<Split, number[]>; readonly pairs: { x: number; y: number; rows: number }[] }> {
  const inner = edges.slice(1, -1);
  const fine = [...new Set([...inner, ...equal])].toSorted((a, b) => a - b);
  const counts = await session.rows(
    `SELECT ${splitColumn}, bin, class, count(*) AS rows FROM (SELECT ${splitColumn}, ${binSql('value', fine)} AS bin, ${classSql} AS class FROM (${values})) GROUP BY ALL`,
  );
  const histograms = new Map<Split, number[]>();
  const pairs: { x: number; y: number; rows: number }[] = [];
  for (const count of counts) {
    const rows = Number(count.rows);
    const split = splitKey(count);
    // Where the fine bin begins; each edge of the coarser bins is one of the fine ones.
    const from = count.bin === null ? undefined : (fine[Number(count.bin) - 1] ?? -Infinity);
    if (from !== undefined) {
      for (const key of ['all', split] as const) {
        const histogram = histograms.get(key) ?? Array.from({ length: edges.length - 1 }, () => 0);
        histogram[binOf(from, inner)] += rows;
        histograms.set(key, histogram);
      }
    }
    if (split === splitNames.indexOf('train') && count.class !== null)
      pairs.push({ x: from === undefined ? -1 : binOf(from, equal), y: Number(count.class), rows });
  }
  return { histograms, pairs };
}

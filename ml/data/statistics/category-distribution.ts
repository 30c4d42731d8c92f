import type { DataSession } from '../duckdb-session.js';
import { splitNames } from '../split/split-sql.js';
import { splitKey } from './basic-figures.js';
import type { DescribedColumn } from './described-column.js';
import { splitColumn } from './described-rows.js';
import type { Distribution } from './distribution.js';
import { mutualInformation } from './mutual-information.js';

/** Categories that mutual information tells apart; the others are one. */
export const mostCategories = 1000;
/** Categories that a report lists. */
export const mostListed = 50;
/** Integers of at most so many values are shown as categories, too. */
export const mostIntegerCategories = 50;
const longestText = 200;
const missing = -1;
const others = 0;

/**
 * The most frequent values of a column in each split, and what they tell about the target, in one pass over the sample.
 *
 * @param sample relation of `sampleOf`
 * @param classSql SQL of `targetClassSql`
 */
export async function categoryDistribution(
  session: DataSession,
  sample: string,
  { alias }: DescribedColumn,
  classSql: string,
): Promise<Distribution> {
  const found = await session.rows(
    `WITH counts AS MATERIALIZED (SELECT ${alias} AS value, ${splitColumn}, ${classSql} AS class, count(*) AS rows FROM ${sample} GROUP BY ALL),
    top AS (SELECT value, row_number() OVER (ORDER BY sum(rows) DESC, value) AS rank FROM counts WHERE value IS NOT NULL GROUP BY value QUALIFY rank <= ${mostCategories})
    SELECT CASE WHEN counts.value IS NULL THEN ${missing} ELSE coalesce(rank, ${others}) END AS rank, left(CAST(any_value(top.value) AS VARCHAR), ${longestText}) AS text, ${splitColumn}, class, CAST(sum(rows) AS BIGINT) AS rows
    FROM counts LEFT JOIN top ON counts.value = top.value GROUP BY 1, ${splitColumn}, class`,
  );
  const texts = new Map<number, string>();
  const ranks = new Map<number | 'all' | 'none', Map<number, number>>([['all', new Map()]]);
  const pairs: { x: number; y: number; rows: number }[] = [];
  for (const group of found) {
    const rank = Number(group.rank);
    const rows = Number(group.rows);
    const split = splitKey(group);
    if (rank > others) texts.set(rank, String(group.text));
    for (const key of ['all', split] as const) {
      const counts = ranks.get(key) ?? new Map<number, number>();
      ranks.set(key, counts);
      counts.set(rank, (counts.get(rank) ?? 0) + rows);
    }
    if (split === splitNames.indexOf('train') && group.class !== null) pairs.push({ x: rank, y: Number(group.class), rows });
  }
  const listed = [...texts.keys()].toSorted((a, b) => a - b).slice(0, mostListed);
  const isComplete = !ranks.get('all')!.has(others);
  const bySplit = new Map(
    [...ranks].map(([split, counts]) => {
      const topValues = listed.map((rank) => ({ value: texts.get(rank)!, rows: counts.get(rank) ?? 0 }));
      const distinct = [...counts.keys()].filter((rank) => rank > others).length;
      return [split, isComplete ? { topValues, distinct } : { topValues }] as const;
    }),
  );
  const information = mutualInformation(pairs);
  return { bySplit, ...(information ? { mutualInformation: information } : {}) };
}

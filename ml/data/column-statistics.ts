import type { ColumnStatistics } from '../../contracts/dataset.js';
import type { ColumnSpec } from '../../contracts/pipeline.js';
import type { DataSession } from './duckdb-session.js';
import { identifier } from './sql-quoting.js';

const quantiles = [0.01, 0.25, 0.5, 0.75, 0.99];
const topCount = 10;
/** DuckDB refuses a deviation whose squares overflow; values beyond are left out of mean and deviation. */
export const largestSquarable = '1e150';
/** Beyond this, quantiles are of every k-th row: exact ones hold a column in memory. */
const exactQuantileRows = 5_000_000;

/**
 * Describe columns of a relation, one pass for all figures and one a column for the most frequent values.
 *
 * @param relation name of a view with typed columns and a row number `rowNumber`
 * @returns in the order of `columns`; means and deviations rounded to 12 digits, which the order of a sum does not reach
 */
export async function describeColumns(
  session: DataSession,
  relation: string,
  rowNumber: string,
  rows: number,
  columns: readonly { readonly name: string; readonly type: ColumnSpec['type'] }[],
): Promise<ColumnStatistics[]> {
  if (columns.length === 0 || rows === 0) return [];
  const stride = Math.ceil(rows / exactQuantileRows);
  const figures = columns.flatMap(({ name, type }, i) => {
    const column = identifier(name);
    const isNumber = type === 'integer' || type === 'float';
    // As text, since timestamps reach further than `Date`.
    const bound = (name: string) => (type === 'timestamp' ? `CAST(${name}(${column}) AS VARCHAR)` : `${name}(${column})`);
    const sampled = stride === 1 ? '' : ` FILTER (${rowNumber} % ${stride} = 0)`;
    return [
      `count(${column}) AS present${i}`,
      `approx_count_distinct(${column}) AS distinct${i}`,
      `${bound('min')} AS min${i}`,
      `${bound('max')} AS max${i}`,
      ...(isNumber
        ? [
            `avg(CAST(${column} AS DOUBLE)) FILTER (abs(CAST(${column} AS DOUBLE)) < ${largestSquarable}) AS mean${i}`,
            `stddev_pop(CAST(${column} AS DOUBLE)) FILTER (abs(CAST(${column} AS DOUBLE)) < ${largestSquarable}) AS deviation${i}`,
            `CAST(quantile_disc(${column}, [${quantiles.join(', ')}])${sampled} AS DOUBLE[]) AS quantiles${i}`,
          ]
        : []),
    ];
  });
  const [found] = await session.rows(`SELECT ${figures.join(', ')} FROM ${relation}`);
  const statistics: ColumnStatistics[] = [];
  for (const [i, { name, type }] of columns.entries()) {
    const isNumber = type === 'integer' || type === 'float';
    const present = Number(found[`present${i}`]);
    statistics.push({
      column: name,
      type,
      rows,
      missing: rows - present,
      distinct: Math.min(present, Number(found[`distinct${i}`])),
      ...(present === 0
        ? {}
        : {
            min: plain(found[`min${i}`]),
            max: plain(found[`max${i}`]),
            ...(isNumber
              ? {
                  mean: rounded(found[`mean${i}`]),
                  standardDeviation: rounded(found[`deviation${i}`]),
                  quantiles: found[`quantiles${i}`] as number[],
                }
              : {}),
            ...(type === 'string' || type === 'boolean' ? { topValues: await topValues(session, relation, name) } : {}),
          }),
    });
  }
  return statistics;
}

async function topValues(session: DataSession, relation: string, name: string): Promise<{ value: string; rows: number }[]> {
  const column = identifier(name);
  const found = await session.rows(
    `SELECT CAST(${column} AS VARCHAR) AS value, count(*) AS rows FROM ${relation} WHERE ${column} IS NOT NULL GROUP BY ${column} ORDER BY 2 DESC, 1 LIMIT ${topCount}`,
  );
  return found.map(({ value, rows }) => ({ value: String(value).slice(0, 200), rows: Number(rows) }));
}

function plain(value: unknown): number | string {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return String(value).slice(0, 200);
}

function rounded(value: unknown): number {
  return Number(Number(value).toPrecision(12));
}

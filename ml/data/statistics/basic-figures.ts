import type { ColumnFigures } from '../../../contracts/dataset.js';
import type { DataSession } from '../duckdb-session.js';
import { largestSquarable } from '../largest-squarable.js';
import { type DescribedColumn } from './described-column.js';
import { splitColumn } from './described-rows.js';

/** Columns of one query: many aggregates in one are slow to plan. */
const columnsOfQuery = 10;
const longestText = 200;

export type BasicFigures = Omit<ColumnFigures, 'quantiles' | 'topValues' | 'histogram'>;
/** By column (position), then by split; the key of all rows is `all`, of rows in no split `none`. */
export type BySplit<Figures> = ReadonlyMap<number | 'all' | 'none', Figures>;

/**
 * Counts, bounds, means and deviations in all rows and in each split, in one pass over a relation for every 10 columns.
 *
 * Means are rounded to 12 digits and deviations to 9, which the order of a sum does not reach.
 */
export async function basicFigures(
  session: DataSession,
  relation: string,
  columns: readonly DescribedColumn[],
): Promise<BySplit<BasicFigures>[]> {
  const figures: BySplit<BasicFigures>[] = [];
  for (let from = 0; from < columns.length; from += columnsOfQuery) {
    const batch = columns.slice(from, from + columnsOfQuery);
    const selected = batch.flatMap(aggregates).join(', ');
    const groups = await session.rows(
      `SELECT ${splitColumn}, grouping(${splitColumn}) AS every, count(*) AS rows, ${selected} FROM ${relation} GROUP BY GROUPING SETS ((${splitColumn}), ())`,
    );
    figures.push(...batch.map((column) => new Map(groups.map((group) => [splitKey(group), figuresOf(column, group)] as const))));
  }
  return figures;
}

/** @param group row of a query over GROUPING SETS with the columns `split` and `every` */
export function splitKey(group: Readonly<Record<string, unknown>>): number | 'all' | 'none' {
  if (Number(group.every) === 1) return 'all';
  const split = group[splitColumn];
  return split === null ? 'none' : Number(split);
}

function aggregates({ kind, alias }: DescribedColumn): string[] {
  const named = (name: string, sql: string) => `${sql} AS ${alias}_${name}`;
  const counted = [named('present', `count(${alias})`)];
  if (kind === 'bytes') return [...counted, ...lengths(alias, named)];
  counted.push(named('distinct', `approx_count_distinct(${alias})`));
  // As text: timestamps reach further than `Date`, integers than `number`.
  const bound = (name: string) => (kind === 'time' ? `CAST(${name}(${alias}) AS VARCHAR)` : `${name}(${alias})`);
  const bounded = [...counted, named('min', bound('min')), named('max', bound('max'))];
  if (kind === 'text') return [...bounded, ...lengths(`length(${alias})`, named)];
  if (kind !== 'integer' && kind !== 'float') return bounded;
  const number = `CAST(${alias} AS DOUBLE)`;
  // A FILTER of each aggregate took half as long again.
  const squarable = `CASE WHEN abs(${number}) < ${largestSquarable} THEN ${number} END`;
  return [
    ...bounded,
    named('mean', `favg(${squarable})`),
    named('deviation', `stddev_pop(${squarable})`),
    named('zeros', `count_if(${alias} = 0)`),
  ];
}

function lengths(length: string, named: (name: string, sql: string) => string): string[] {
  return [named('shortest', `min(${length})`), named('longest', `max(${length})`), named('length', `sum(${length})`)];
}

function figuresOf({ kind, alias }: DescribedColumn, group: Readonly<Record<string, unknown>>): BasicFigures {
  const value = (name: string) => group[`${alias}_${name}`];
  const rows = Number(group.rows);
  const present = Number(value('present'));
  const distinct = kind === 'bytes' ? {} : { distinct: Math.min(present, Number(value('distinct'))) };
  const counted = { rows, missing: rows - present, ...distinct };
  if (present === 0) return counted;
  const length = {
    min: Number(value('shortest')),
    mean: rounded(Number(value('length')) / present, 12),
    max: Number(value('longest')),
  };
  if (kind === 'bytes') return { ...counted, length };
  const bounded = { ...counted, min: plain(value('min')), max: plain(value('max')) };
  if (kind === 'text') return { ...bounded, length };
  if (kind !== 'integer' && kind !== 'float') return bounded;
  const zeros = Number(value('zeros'));
  if (value('mean') === null) return { ...bounded, zeros };
  return { ...bounded, mean: rounded(value('mean'), 12), standardDeviation: rounded(value('deviation'), 9), zeros };
}

function plain(value: unknown): number | string {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return String(value).slice(0, longestText);
}

function rounded(value: unknown, digits: number): number {
  return Number(Number(value).toPrecision(digits));
}

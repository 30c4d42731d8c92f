import type { ColumnFigures } from '../../../contracts/dataset.js';
import type { DataSession } from '../duckdb-session.js';
import { splitNames } from '../split/split-sql.js';
import { type BySplit, splitKey } from './basic-figures.js';
import { asNumber, type DescribedColumn, isOrdered } from './described-column.js';
import { splitColumn } from './described-rows.js';
import type { Distribution } from './distribution.js';
import { byCodePoint, figuresOfCounts, quantilesOf, type ValueCount } from './figures-of-counts.js';
import { binOf, histogramEdges } from './histogram-edges.js';
import { mutualInformation } from './mutual-information.js';
import { equalBinLevels } from './number-distribution.js';
import { mostCategories, mostIntegerCategories, mostListed } from './category-distribution.js';

/** Values by split and class; more than these are no few values, whatever an estimate said. */
const mostGroups = 100_000;

/** A group of equal rows. */
interface Group extends ValueCount {
  readonly split: number | 'none';
  readonly class: number | null;
}

/**
 * Describe a column of few values in one pass: DuckDB counts each value, the rest is arithmetic.
 *
 * @param relation relation of `openDescribedRows` with all rows
 * @param classSql SQL of `targetClassSql`
 * @returns undefined when the column has too many values for that
 */
export async function countedColumn(
  session: DataSession,
  relation: string,
  column: DescribedColumn,
  classSql: string,
): Promise<Distribution | undefined> {
  const isNumeric = isOrdered(column.kind);
  const value = isNumeric ? asNumber(column) : `CAST(${column.alias} AS VARCHAR)`;
  const found = await session.rows(
    `SELECT ${value} AS value, ${splitColumn}, ${classSql} AS class, count(*) AS rows FROM ${relation} GROUP BY ALL LIMIT ${mostGroups + 1}`,
  );
  if (found.length > mostGroups) return undefined;
  const groups = found.map((group): Group => ({
    value: group.value as Group['value'],
    split: splitKey(group) as Group['split'],
    class: group.class === null ? null : Number(group.class),
    rows: Number(group.rows),
  }));
  // Beyond, different integers are the same double.
  if (column.kind === 'integer' && groups.some(({ value: n }) => n !== null && !Number.isSafeInteger(n))) return undefined;
  return distributionOf(groups, column);
}

function distributionOf(groups: readonly Group[], { kind }: DescribedColumn): Distribution {
  const bySplit = new Map([['all' as const, merged(groups)], ...splitsOf(groups)]);
  const all = bySplit.get('all')!;
  const values = all.filter(({ value }) => value !== null);
  const figures = new Map<number | 'all' | 'none', ColumnFigures>(
    [...bySplit].map(([split, counts]) => [split, figuresOfCounts(counts, kind)]),
  );
  if (values.length === 0) return { bySplit: figures };
  const hasCategories = !isOrdered(kind) || (kind === 'integer' && values.length <= mostIntegerCategories);
  const ranked = hasCategories ? values.toSorted((a, b) => b.rows - a.rows || compare(a.value!, b.value!)).map(({ value }) => value!) : [];
  const edges = isOrdered(kind) ? edgesOf(values as { value: number; rows: number }[], kind as 'integer' | 'float') : undefined;
  const described = new Map(
    [...bySplit].map(([split, counts]) => {
      const shown: ColumnFigures = {
        ...figures.get(split)!,
        ...(hasCategories ? { topValues: topValues(counts, ranked.slice(0, mostListed)) } : {}),
        ...(edges ? { histogram: histogram(counts, edges) } : {}),
      };
      return [split, shown] as const;
    }),
  );
  const train = groups.filter((group) => group.split === splitNames.indexOf('train') && group.class !== null);
  const categoryOf = hasCategories ? categories(ranked) : equalBins(values as { value: number; rows: number }[]);
  const information = mutualInformation(train.map((group) => ({ x: categoryOf(group.value), y: group.class!, rows: group.rows })));
  return { bySplit: described, ...(edges ? { histogramEdges: edges } : {}), ...(information ? { mutualInformation: information } : {}) };
}

/** Each value once. */
function merged(groups: readonly Group[]): ValueCount[] {
  const counts = new Map<Group['value'], number>();
  for (const { value, rows } of groups) counts.set(value, (counts.get(value) ?? 0) + rows);
  return [...counts].map(([value, rows]) => ({ value, rows }));
}

function splitsOf(groups: readonly Group[]): BySplit<ValueCount[]> {
  const splits = new Set(groups.map(({ split }) => split));
  return new Map([...splits].map((split) => [split, merged(groups.filter((group) => group.split === split))]));
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' ? a - (b as number) : byCodePoint(a, b as string);
}

function edgesOf(values: readonly { readonly value: number; readonly rows: number }[], kind: 'integer' | 'float'): number[] {
  const sorted = values.toSorted((a, b) => a.value - b.value);
  const [low, high] = quantilesOf(sorted, [0.01, 0.99]);
  return histogramEdges({ min: sorted[0].value, max: sorted[sorted.length - 1].value, low, high }, kind);
}

function topValues(counts: readonly ValueCount[], listed: readonly (number | string)[]): NonNullable<ColumnFigures['topValues']> {
  const rowsOf = new Map(counts.map(({ value, rows }) => [value, rows]));
  return listed.map((value) => ({ value: String(value).slice(0, 200), rows: rowsOf.get(value) ?? 0 }));
}

function histogram(counts: readonly ValueCount[], edges: readonly number[]): number[] {
  const bins = Array.from({ length: edges.length - 1 }, () => 0);
  for (const { value, rows } of counts) if (value !== null) bins[binOf(value as number, edges.slice(1, -1))] += rows;
  return bins;
}

/** The most frequent values are told apart, the others are one; missing is a value. */
function categories(ranked: readonly (number | string)[]): (value: Group['value']) => string | number {
  const ranks = new Map(ranked.slice(0, mostCategories).map((value, rank) => [value, rank + 1]));
  return (value) => (value === null ? -1 : (ranks.get(value) ?? 0));
}

function equalBins(values: readonly { readonly value: number; readonly rows: number }[]): (value: Group['value']) => number {
  const edges = [
    ...new Set(
      quantilesOf(
        values.toSorted((a, b) => a.value - b.value),
        equalBinLevels,
      ),
    ),
  ];
  return (value) => (value === null ? -1 : binOf(value as number, edges));
}

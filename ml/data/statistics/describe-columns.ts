import type { ColumnFigures, ColumnStatistics, SplitName } from '../../../contracts/dataset.js';
import type { TargetSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { splitNames } from '../split/split-sql.js';
import { basicFigures, type BasicFigures, type BySplit } from './basic-figures.js';
import { categoryDistribution, mostIntegerCategories } from './category-distribution.js';
import { countedColumn } from './counted-column.js';
import { type ColumnToDescribe, type DescribedColumn, describedColumn, isOrdered } from './described-column.js';
import { type DescribedRows, openDescribedRows, type RowsToDescribe, sampleOf, someRows } from './described-rows.js';
import type { Distribution } from './distribution.js';
import { numberDistribution } from './number-distribution.js';
import { targetClassSql } from './target-classes.js';

/** DuckDB holds at least 256 KB of each column of a table in memory, for each thread. */
const columnsAtOnce = 200;
/** Up to here, different numbers are counted one by one. */
const exactDistinct = 10_000;
const exactDistinctRows = 100_000;
/** A column that shows at most so many values in so many rows is described by counting each. */
const fewValues = 10_000;
const triedRows = 100_000;

/**
 * Describe columns of a relation: in all rows, in each split, and by what they tell about the target.
 *
 * Few rows are read once for every 200 columns. Of many, counts, bounds, means and deviations are of all rows, and so is
 * everything of a column of few values; the rest is of an even sample. Equal rows in equal order give equal statistics.
 *
 * @param task of the target in the relation's `__target`; leave it out where there is none
 * @returns in the order of `columns`; empty when there are no rows
 */
export async function describeColumns(
  session: DataSession,
  source: RowsToDescribe,
  columns: readonly ColumnToDescribe[],
  task?: TargetSpec['task'],
): Promise<ColumnStatistics[]> {
  if (source.rows === 0) return [];
  const statistics: ColumnStatistics[] = [];
  for (let from = 0; from < columns.length; from += columnsAtOnce)
    statistics.push(...(await describeBatch(session, source, columns.slice(from, from + columnsAtOnce), task)));
  return statistics;
}

async function describeBatch(
  session: DataSession,
  source: RowsToDescribe,
  columns: readonly ColumnToDescribe[],
  task: TargetSpec['task'] | undefined,
): Promise<ColumnStatistics[]> {
  const described = columns.map(describedColumn);
  const rows = await openDescribedRows(session, source, described);
  const classSql = await targetClassSql(session, someRows(rows, rows.sampleRows), source.hasTarget ? task : undefined);
  const found = new Map<DescribedColumn, readonly Distribution[]>();
  for (const column of await columnsOfFewValues(session, rows, described)) {
    const counted = await countedColumn(session, rows.all, column, classSql);
    if (counted) found.set(column, [counted]);
  }
  const others = described.filter((column) => !found.has(column));
  const sampled = others.length > 0 ? await describeOthers(session, rows, others, classSql) : undefined;
  for (const [column, distributions] of sampled?.found ?? []) found.set(column, distributions);
  return described.map((column) => {
    const isSampled = rows.isLarge && sampled?.found.has(column);
    return statisticsOf(column, found.get(column)!, source.split !== undefined, isSampled ? sampled!.sampledRows : undefined);
  });
}

/** The columns of many values, by queries for each figure. */
async function describeOthers(
  session: DataSession,
  rows: DescribedRows,
  columns: readonly DescribedColumn[],
  classSql: string,
): Promise<{ readonly found: ReadonlyMap<DescribedColumn, readonly Distribution[]>; readonly sampledRows: number }> {
  const basics = await basicFigures(session, rows.all, columns);
  const { sample, sampledRows } = await sampleOf(session, rows, columns);
  const found = new Map<DescribedColumn, readonly Distribution[]>();
  for (const [i, column] of columns.entries())
    found.set(column, [{ bySplit: basics[i] }, ...(await distributionsOf(session, rows, sample, column, basics[i], classSql))]);
  return { found, sampledRows };
}

async function columnsOfFewValues(
  session: DataSession,
  rows: DescribedRows,
  columns: readonly DescribedColumn[],
): Promise<readonly DescribedColumn[]> {
  // Times are left out: DuckDB writes down more of their digits than a double holds.
  const candidates = columns.filter(({ kind }) => kind !== 'bytes' && kind !== 'time');
  if (candidates.length === 0 || rows.rows <= fewValues) return candidates;
  const estimates = candidates.map(({ alias }) => `approx_count_distinct(${alias}) AS ${alias}`);
  const [tried] = await session.rows(`SELECT ${estimates.join(', ')} FROM ${someRows(rows, triedRows)}`);
  return candidates.filter(({ alias }) => Number(tried[alias]) <= fewValues);
}

/** The categories first: where a column has both, mutual information by value is better than by bin. */
async function distributionsOf(
  session: DataSession,
  { rows: known, isLarge }: DescribedRows,
  sample: string,
  column: DescribedColumn,
  basic: BySplit<BasicFigures>,
  classSql: string,
): Promise<Distribution[]> {
  const { rows: all = 0, missing = 0, distinct = 0 } = basic.get('all') ?? {};
  if (column.kind === 'bytes' || all === missing) return [];
  const distributions: Distribution[] = [];
  if (!isOrdered(column.kind) || (column.kind === 'integer' && distinct <= mostIntegerCategories)) {
    const found = await categoryDistribution(session, sample, column, classSql);
    distributions.push(!isLarge ? found : { ...found, bySplit: mapFigures(found.bySplit, ({ topValues }) => ({ topValues })) });
  }
  if (isOrdered(column.kind)) {
    const countsDistinct = !isLarge && (distinct <= exactDistinct || known <= exactDistinctRows);
    const found = await numberDistribution(session, sample, column, classSql, countsDistinct);
    if (found) distributions.push(found);
  }
  return distributions;
}

function mapFigures<From, To>(figures: BySplit<From>, change: (figures: From) => To): BySplit<To> {
  return new Map([...figures].map(([split, found]) => [split, change(found)]));
}

function statisticsOf(
  { name, type }: DescribedColumn,
  distributions: readonly Distribution[],
  hasSplits: boolean,
  sampledRows: number | undefined,
): ColumnStatistics {
  const figures = (split: number | 'all'): ColumnFigures => {
    const found = distributions.map(({ bySplit }) => bySplit.get(split)).filter((part) => part !== undefined);
    return Object.assign({ rows: 0, missing: 0 }, ...found) as ColumnFigures;
  };
  const histogramEdges = distributions.map((found) => found.histogramEdges).find((edges) => edges !== undefined);
  const mutualInformation = distributions.map((found) => found.mutualInformation).find((information) => information !== undefined);
  const splits = () => Object.fromEntries(splitNames.map((split, i) => [split, figures(i)])) as Record<SplitName, ColumnFigures>;
  return {
    column: name,
    type,
    ...figures('all'),
    ...(hasSplits ? { splits: splits() } : {}),
    ...(histogramEdges ? { histogramEdges } : {}),
    ...(sampledRows === undefined ? {} : { sampledRows }),
    ...(mutualInformation ? { mutualInformation } : {}),
  };
}

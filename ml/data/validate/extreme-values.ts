import type { DataSession } from '../duckdb-session.js';

/** A column whose smallest and largest values are looked at. */
export interface ExtremeColumn {
  readonly kind: 'number' | 'time';
  /** SQL of the value as a number, times in milliseconds since 1970; NULL for what is missing. */
  readonly value: string;
}

/** A value at an end of a column, and the others. */
export interface SuspiciousValue {
  readonly value: number;
  readonly rows: number;
  /** Rows with a value. */
  readonly present: number;
  /** Smallest and largest of the other values; without that at the opposite end where that one is alone, too. */
  readonly others: readonly [number, number];
  /** What is commonly written where a value is missing. */
  readonly isWellKnown: boolean;
}

interface Extremes {
  readonly low: number;
  readonly high: number;
  readonly lowRows: number;
  readonly highRows: number;
  readonly nextLow: number;
  readonly nextHigh: number;
  readonly present: number;
  readonly distinct: number;
}

/** Every row meets the bounds of all columns of a query: with 200 of them DuckDB took two gigabytes, and a second for each ten. */
const columnsAtOnce = 20;
/** A value that nobody knows for a mark must be that frequent. */
const leastRows = 5;
const leastShare = 0.001;
const leastRowsOfMark = 2;
/** Fewer different values are codes, which may lie anywhere. */
const fewDistinct = 10;
const fewDistinctBesideMark = 4;
/** Once is enough for a number that lies so many times the range of the others away: it alone makes mean and deviation. */
const absurdRanges = 1000;
/** A mark such as 9999 that lies hardly beyond the others is one of them. */
const markGap = 0.2;
const marks: ReadonlySet<number> = new Set([
  -9, -99, -999, -9999, -99_999, -999_999, -9_999_999, -88, -888, -8888, -77, -777, -7777, 999, 9999, 99_999, 999_999, 9_999_999,
  99_999_999, 2_147_483_647, -2_147_483_648, -32_768, 32_767,
]);
const timeMarks: ReadonlySet<number> = new Set(
  ['0001-01-01', '1753-01-01', '1899-12-30', '1899-12-31', '1900-01-01', '1970-01-01', '2099-12-31', '2999-12-31', '9999-12-31'].map(
    (day) => Date.parse(`${day}T00:00:00Z`),
  ),
);

/**
 * Values that lie far outside of a column's others and are repeated, such as −9999 or 1900-01-01: probably not measured, but
 * written where something was missing. And single numbers that are out of all proportion, such as 1e38.
 *
 * Two passes for every 20 columns.
 *
 * @returns for each column those of its smallest and its largest value that are suspicious
 */
export async function suspiciousValues(
  session: DataSession,
  relation: string,
  columns: readonly ExtremeColumn[],
): Promise<(readonly SuspiciousValue[])[]> {
  const found: (readonly SuspiciousValue[])[] = [];
  for (let from = 0; from < columns.length; from += columnsAtOnce) {
    const batch = columns.slice(from, from + columnsAtOnce);
    const values = `(SELECT ${batch.map(({ value }, i) => `CAST(${value} AS DOUBLE) AS v${i}`).join(', ')} FROM ${relation})`;
    const bounds = batch.map((_, i) => `min(v${i}) FILTER (isfinite(v${i})) AS low${i}, max(v${i}) FILTER (isfinite(v${i})) AS high${i}`);
    const figures = batch.map((_, i) =>
      [
        `any_value(low${i}) AS low${i}, any_value(high${i}) AS high${i}, count(v${i}) AS present${i}`,
        `count(*) FILTER (v${i} = low${i}) AS lows${i}, count(*) FILTER (v${i} = high${i}) AS highs${i}`,
        `min(v${i}) FILTER (v${i} > low${i}) AS nextlow${i}, max(v${i}) FILTER (v${i} < high${i}) AS nexthigh${i}`,
        `approx_count_distinct(v${i}) AS distinct${i}`,
      ].join(', '),
    );
    const [row] = await session.rows(
      `WITH looked AS ${values}, bounds AS (SELECT ${bounds.join(', ')} FROM looked) SELECT ${figures.join(', ')} FROM looked, bounds`,
    );
    for (const [i, { kind }] of batch.entries()) found.push(row ? suspicious(extremesOf(row, i), kind) : []);
  }
  return found;
}

function extremesOf(row: Readonly<Record<string, unknown>>, i: number): Extremes {
  const number = (name: string): number => (row[`${name}${i}`] === null ? Number.NaN : Number(row[`${name}${i}`]));
  return {
    low: number('low'),
    high: number('high'),
    lowRows: number('lows'),
    highRows: number('highs'),
    nextLow: number('nextlow'),
    nextHigh: number('nexthigh'),
    present: number('present'),
    distinct: number('distinct'),
  };
}

/** Pure; exported for tests. */
export function suspicious(extremes: Extremes, kind: ExtremeColumn['kind']): SuspiciousValue[] {
  const { low, high, lowRows, highRows, nextLow, nextHigh, present, distinct } = extremes;
  if (!(nextLow <= nextHigh)) return [];
  const known = kind === 'time' ? timeMarks : marks;
  const judged = (value: number, rows: number, gap: number, others: readonly [number, number]): SuspiciousValue[] => {
    const range = others[1] - others[0];
    const isWellKnown = known.has(value);
    // Below numbers that are never negative, a mark is one however near it lies.
    const isMark =
      isWellKnown &&
      rows >= leastRowsOfMark &&
      distinct >= fewDistinctBesideMark &&
      (gap > markGap * range || (kind === 'number' && value < 0 && others[0] >= 0));
    const isFarOut = distinct >= fewDistinct && gap > range && Math.min(...others) !== Math.max(...others);
    const isAlone = isFarOut && rows >= Math.max(leastRows, leastShare * present);
    const isAbsurd = isFarOut && kind === 'number' && gap > absurdRanges * range;
    return isMark || isAlone || isAbsurd ? [{ value, rows, present, others, isWellKnown }] : [];
  };
  // Both ends may hold one: neither is to make the range of the others wide.
  const lows = judged(low, lowRows, nextLow - low, [nextLow, nextHigh]);
  const highs = judged(high, highRows, high - nextHigh, [nextLow, nextHigh]);
  if (lows.length > 0 && highs.length > 0) return [...lows, ...highs];
  return [...judged(low, lowRows, nextLow - low, [nextLow, high]), ...judged(high, highRows, high - nextHigh, [low, nextHigh])];
}

/** `-9999`, `1900-01-01` */
export function valueText(value: number, kind: ExtremeColumn['kind']): string {
  if (kind === 'number') return String(Number(value.toPrecision(12)));
  const text = new Date(value).toISOString();
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : `${text.slice(0, 19)}Z`;
}

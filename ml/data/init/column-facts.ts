import type { SnapshotManifest } from '../../../contracts/dataset.js';
import type { ColumnSpec } from '../../../contracts/pipeline.js';
import { type ColumnReading, readColumn } from '../read/column-reading.js';
import type { DataSession } from '../duckdb-session.js';
import { snapshotRelation } from '../read/snapshot-relation.js';
import { identifier } from '../sql-quoting.js';

export type PlainType = Exclude<ColumnSpec['type'], 'image'>;

const timeParts = { year: 'year', month: 'month', dayOfMonth: 'day', dayOfWeek: 'isodow', hour: 'hour' } as const;
export type TimePart = keyof typeof timeParts;

/** What a look at a column tells; counts are of all rows. */
export interface ColumnFacts {
  readonly name: string;
  /** DuckDB's name of the type in the snapshot. */
  readonly sourceType: string;
  /** The narrowest type that nearly all values have; absent for what a pipeline cannot read (lists, structures, bytes). */
  readonly type?: PlainType;
  readonly missing: number;
  /** Values that are neither missing nor of the type. */
  readonly unreadable: number;
  /** Distinct values; an estimate where there are many. */
  readonly distinct: number;
  /** Numbers: quantiles 0, 0.01, 0.5, 0.99, 1 of a float or integer. */
  readonly quantiles?: readonly number[];
  /** Times: the quantiles 0, 0.7, 0.85, 1 as ISO 8601 in UTC, whether the rows are nearly in their order (rising, falling, or one series after the other), and the parts that differ. */
  readonly times?: {
    readonly quantiles: readonly string[];
    readonly isSorted: boolean;
    readonly parts: readonly TimePart[];
    /** Columns that repeat a part of the time in every row, as folders of partitions do, with the part. */
    readonly copies?: readonly (readonly [column: string, part: string])[];
  };
  /** Strings: mean number of words. */
  readonly words?: number;
  /** The most frequent values as text with their rows, most frequent first; at most `topCount`. None of numbers and times that have many more values. */
  readonly top: readonly { readonly value: string; readonly rows: number }[];
}

/** As many classes as a target may have, and one to see that there are more. */
const topCount = 101;
/** Of numbers and times with more values none is looked for that is frequent. */
const mostRanked = 10 * topCount;
/** From the narrowest to what everything is. */
const candidates: readonly PlainType[] = ['integer', 'float', 'boolean', 'timestamp', 'string'];
/** Fewer values that are not of a type are mistakes in the data rather than a sign of another type. */
const toleratedShare = 0.02;
/** Steps against the order that a log may have: late rows, or the beginnings of series. */
const strays = 0.02;
/** So many values tell which types a column has no value of. */
const triedRows = 1000;
/** Of more rows the number of distinct values is estimated. */
const countedRows = 1_000_000;
/** Rows that tell whether a file is in the order of a column. */
const orderedRows = 100_000;

/**
 * Look at every column of a snapshot.
 *
 * @param paths local Parquet files of the snapshot's parts
 * @returns in the order of the file
 */
export async function inspectColumns(session: DataSession, paths: readonly string[], manifest: SnapshotManifest): Promise<ColumnFacts[]> {
  await session.run(`CREATE VIEW inspected AS ${snapshotRelation(paths, manifest)}`);
  const facts: ColumnFacts[] = [];
  for (const { name, type } of manifest.columns) facts.push(await inspectColumn(session, name, type, manifest));
  const told: ColumnFacts[] = [];
  for (const column of facts) told.push(column.times ? await withCopies(session, column, facts, manifest) : column);
  return told;
}

/** Parts of a time under which files are commonly kept: `year=2024/month=05`. */
const folderParts = { year: '%Y', month: '%m', hour: '%H', 'year and month': '%Y-%m', day: '%Y-%m-%d' } as const;
/** So many hours, months or days at most are looked at as copies. */
const mostCopied = 10_000;

async function withCopies(
  session: DataSession,
  column: ColumnFacts,
  columns: readonly ColumnFacts[],
  { typing }: SnapshotManifest,
): Promise<ColumnFacts> {
  const { typed } = readColumn(column.name, 'timestamp', column.sourceType, typing)!;
  const others = columns.filter(
    ({ name, distinct }) => name !== column.name && distinct > 1 && distinct <= Math.min(mostCopied, column.distinct),
  );
  const near = others.filter(({ name }) => /year|month|hour|day|date|^(dt|ds|yyyy|mm|hh)$/i.test(name));
  const pairs = near.flatMap(({ name }) => Object.entries(folderParts).map(([part, format]) => ({ name, part, format })));
  if (pairs.length === 0) return column;
  const differ = pairs.map(({ name, format }, i) => {
    const text = `CAST(${identifier(name)} AS VARCHAR)`;
    const part = `strftime(time, '${format}')`;
    // 5 and 05 are the same month.
    return `count(*) FILTER (${text} IS DISTINCT FROM ${part} AND TRY_CAST(${text} AS BIGINT) IS DISTINCT FROM coalesce(TRY_CAST(${part} AS BIGINT), -1)) AS d${i}`;
  });
  const [found] = await session.rows(`SELECT ${differ.join(', ')} FROM (SELECT *, ${typed} AS time FROM inspected)`);
  const copies = pairs.flatMap(({ name, part }, i) => (Number(found[`d${i}`]) === 0 ? [[name, part] as const] : []));
  return copies.length === 0 ? column : { ...column, times: { ...column.times!, copies } };
}

async function inspectColumn(
  session: DataSession,
  name: string,
  sourceType: string,
  { typing, rows }: SnapshotManifest,
): Promise<ColumnFacts> {
  const possible = candidates.flatMap((type) => {
    const reading = readColumn(name, type, sourceType, typing);
    return reading ? [{ type, reading }] : [];
  });
  const readings = rows > triedRows ? await likely(session, name, possible) : possible;
  const present = `CAST(${identifier(name)} AS VARCHAR)`;
  if (readings.length === 0) {
    const [found] = await session.rows(`SELECT count(*) - count(${identifier(name)}) AS missing FROM inspected`);
    return { name, sourceType, missing: Number(found.missing), unreadable: 0, distinct: 0, top: [] };
  }
  const counts = readings.flatMap(({ reading }, i) => [
    `count(*) FILTER (${reading.isMissing}) AS missing${i}`,
    `count(*) FILTER (NOT (${reading.isMissing}) AND (${reading.typed}) IS NULL) AS unreadable${i}`,
  ]);
  const written = [
    `count(*) FILTER (regexp_full_match(${present}, '0[0-9]+')) AS zeros`,
    `count(*) FILTER (regexp_full_match(lower(trim(${present})), 'y(es)?|no?')) AS answers`,
  ];
  // What is a number, a time or a boolean in the file is written like neither.
  const texts = /^(VARCHAR|JSON|ENUM)/.test(sourceType) ? written : ['0 AS zeros', '0 AS answers'];
  const [found] = await session.rows(`SELECT ${[...counts, ...texts].join(', ')} FROM inspected`);
  const chosen = readings.findIndex(({ type }, i) => {
    // 01234 is a postal code, and would lose its zero.
    if ((type === 'integer' || type === 'float') && Number(found.zeros) > 0 && typing !== 'strong') return false;
    // A class "yes" is to be called so.
    if (type === 'boolean' && Number(found.answers) > 0) return false;
    // A few fractions among whole numbers are no mistakes.
    const float = readings.findIndex((other) => other.type === 'float');
    if (type === 'integer' && float >= 0 && Number(found[`unreadable${float}`]) < Number(found[`unreadable${i}`])) return false;
    const values = rows - Number(found[`missing${i}`]);
    return values > 0 && Number(found[`unreadable${i}`]) <= toleratedShare * values;
  });
  const at = chosen >= 0 ? chosen : readings.length - 1;
  const { type, reading } = readings[at];
  const missing = Number(found[`missing${at}`]);
  const unreadable = Number(found[`unreadable${at}`]);
  return { name, sourceType, type, missing, unreadable, ...(await describe(session, type, reading, rows)) };
}

interface Candidate {
  readonly type: PlainType;
  readonly reading: ColumnReading;
}

/** Without the types that none of some values, drawn from everywhere, has: a cast that fails takes many times as long as one that does not. */
async function likely(session: DataSession, name: string, possible: readonly Candidate[]): Promise<readonly Candidate[]> {
  if (possible.length < 2) return possible;
  const drawn = `(SELECT ${identifier(name)} FROM inspected WHERE ${identifier(name)} IS NOT NULL USING SAMPLE reservoir(${triedRows} ROWS) REPEATABLE (1))`;
  const read = possible.map(({ reading }, i) => `count(${reading.typed}) AS read${i}`);
  const [found] = await session.rows(`SELECT count(*) AS rows, ${read.join(', ')} FROM ${drawn}`);
  return Number(found.rows) < triedRows ? possible : possible.filter(({ type }, i) => type === 'string' || Number(found[`read${i}`]) > 0);
}

async function describe(
  session: DataSession,
  type: PlainType,
  { typed }: ColumnReading,
  rows: number,
): Promise<Pick<ColumnFacts, 'distinct' | 'quantiles' | 'times' | 'words' | 'top'>> {
  const isNumber = type === 'integer' || type === 'float';
  const isTime = type === 'timestamp';
  const [found] = await session.rows(
    `SELECT ${rows <= countedRows ? 'count(DISTINCT value)' : 'approx_count_distinct(value)'} AS distinct_values` +
      (isNumber ? ', CAST(quantile_disc(value, [0, 0.01, 0.5, 0.99, 1]) AS DOUBLE[]) AS quantiles' : '') +
      (isTime
        ? `, list_transform(quantile_disc(value, [0, 0.7, 0.85, 1]), lambda t: strftime(t, '%Y-%m-%dT%H:%M:%SZ')) AS quantiles, ` +
          Object.entries(timeParts)
            .map(([part, sql]) => `count(DISTINCT ${sql}(value)) AS "${part}"`)
            .join(', ')
        : '') +
      (type === 'string' ? `, avg(len(string_split_regex(trim(value), '\\s+'))) AS words` : '') +
      ` FROM (SELECT ${typed} AS value FROM inspected)`,
  );
  const isRanked = (!isNumber && !isTime) || Number(found.distinct_values) <= mostRanked;
  const top = isRanked
    ? await session.rows(
        `SELECT CAST(${typed} AS VARCHAR) AS value, count(*) AS n FROM inspected WHERE (${typed}) IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${topCount}`,
      )
    : [];
  return {
    distinct: isRanked && top.length < topCount ? top.length : Math.max(topCount, Number(found.distinct_values)),
    top: top.map(({ value, n }) => ({ value: String(value), rows: Number(n) })),
    ...(isNumber && found.quantiles ? { quantiles: found.quantiles as number[] } : {}),
    ...(isTime && found.quantiles
      ? {
          times: {
            quantiles: found.quantiles as string[],
            isSorted: await isSorted(session, typed),
            parts: (Object.keys(timeParts) as TimePart[]).filter((part) => Number(found[part]) > 1),
          },
        }
      : {}),
    ...(type === 'string' ? { words: Number(found.words ?? 0) } : {}),
  };
}

async function isSorted(session: DataSession, typed: string): Promise<boolean> {
  const [found] = await session.rows(
    `SELECT count(*) FILTER (value < before) AS falls, count(*) FILTER (value > before) AS rises, count(*) AS rows FROM (SELECT value, lag(value) OVER () AS before FROM (SELECT ${typed} AS value FROM inspected LIMIT ${orderedRows}))`,
  );
  return Math.min(Number(found.falls), Number(found.rises)) <= strays * Number(found.rows);
}

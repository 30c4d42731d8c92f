import type { SnapshotManifest } from '../../../contracts/dataset.js';
import type { ColumnSpec } from '../../../contracts/pipeline.js';
import { identifier } from '../sql-quoting.js';

/** How a column of the source becomes a column of the type that the pipeline says; SQL over the source's columns. */
export interface ColumnReading {
  /** VARCHAR, BIGINT, DOUBLE, BOOLEAN or TIMESTAMP; NULL for what is missing or cannot be read. */
  readonly typed: string;
  /** Whether the source has no value here. */
  readonly isMissing: string;
  /** Whether it is an infinite number or time; absent where the source cannot hold one. */
  readonly isInfinite?: string;
  /** The source's own value as text, for examples in messages. */
  readonly text: string;
}

type ColumnType = Exclude<ColumnSpec['type'], 'image'>;

export const sqlTypes: Readonly<Record<ColumnSpec['type'], string>> = {
  string: 'VARCHAR',
  integer: 'BIGINT',
  float: 'DOUBLE',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMP',
  image: 'BLOB',
};

const integerType = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/;
const textType = /^(VARCHAR|JSON|UUID|ENUM\b.*)$/;
const timestampType = /^TIMESTAMP(_S|_MS|_NS)?$/;
/** What people write into a text file where a number is missing, in lower case. */
const missingWords = ['', 'na', 'n/a', 'nan', 'nat', 'null', 'none'];

/**
 * Decide how to read a column.
 *
 * Numbers are read from text only where the format has no types of its own (CSV) or weak ones (JSON). Integers are
 * read from floats, since that is how an integer column with gaps often arrives, but only whole ones.
 *
 * @param sourceType DuckDB's name of the type that the snapshot has
 * @returns undefined when values of that type are not what the pipeline expects
 */
export function readColumn(
  name: string,
  type: ColumnType,
  sourceType: string,
  typing: SnapshotManifest['typing'],
): ColumnReading | undefined {
  const column = identifier(name);
  const text = sourceType === 'JSON' ? `(${column} ->> '$')` : `CAST(${column} AS VARCHAR)`;
  if (textType.test(sourceType)) {
    if (type === 'string') return { typed: `nullif(${text}, '')`, isMissing: `(${column} IS NULL OR ${text} = '')`, text };
    return typing === 'strong' ? undefined : readText(type, text);
  }
  const isMissing = `${column} IS NULL`;
  const isFloat = sourceType === 'FLOAT' || sourceType === 'DOUBLE';
  const isNumber = isFloat || integerType.test(sourceType) || sourceType.startsWith('DECIMAL');
  switch (type) {
    case 'string':
      // Only JSON makes dates of strings unasked.
      return typing === 'json' && (timestampType.test(sourceType) || sourceType === 'DATE') ? { typed: text, isMissing, text } : undefined;
    case 'integer':
      if (integerType.test(sourceType)) return { typed: `TRY_CAST(${column} AS BIGINT)`, isMissing, text };
      return isNumber
        ? { typed: wholeNumber(column), isMissing: isFloat ? `(${isMissing} OR isnan(${column}))` : isMissing, text }
        : undefined;
    case 'float':
      if (!isFloat) return isNumber ? { typed: `CAST(${column} AS DOUBLE)`, isMissing, text } : undefined;
      return {
        typed: `CAST(CASE WHEN isfinite(${column}) THEN ${column} END AS DOUBLE)`,
        isMissing: `(${isMissing} OR isnan(${column}))`,
        isInfinite: `isinf(${column})`,
        text,
      };
    case 'boolean':
      return sourceType === 'BOOLEAN' ? { typed: column, isMissing, text } : undefined;
    case 'timestamp': {
      if (sourceType === 'TIMESTAMP WITH TIME ZONE') return finiteTime(`(${column} AT TIME ZONE 'UTC')`, column, isMissing, text);
      if (sourceType === 'DATE' || timestampType.test(sourceType))
        return finiteTime(`CAST(${column} AS TIMESTAMP)`, column, isMissing, text);
      return undefined;
    }
  }
}

function finiteTime(timestamp: string, column: string, isMissing: string, text: string): ColumnReading {
  return { typed: `CASE WHEN isfinite(${column}) THEN ${timestamp} END`, isMissing, isInfinite: `NOT isfinite(${column})`, text };
}

/** Rounding would hide that 1.5 is no integer. */
function wholeNumber(number: string): string {
  return `CASE WHEN ${number} = trunc(${number}) THEN TRY_CAST(${number} AS BIGINT) END`;
}

function readText(type: Exclude<ColumnType, 'string'>, text: string): ColumnReading {
  const trimmed = `trim(${text})`;
  // DuckDB makes a join of a list that is as long (IN), and then cannot tell how far it is.
  const isWord = missingWords.map((word) => `lower(${trimmed}) = '${word}'`).join(' OR ');
  const isMissing = `(${text} IS NULL OR ${isWord})`;
  const number = `TRY_CAST(${trimmed} AS DOUBLE)`;
  const parsed = {
    integer: `CASE WHEN regexp_full_match(${trimmed}, '[+-]?[0-9]+([.]0*)?') THEN TRY_CAST(${trimmed} AS BIGINT) END`,
    float: `CASE WHEN isfinite(${number}) THEN ${number} END`,
    boolean: `TRY_CAST(${trimmed} AS BOOLEAN)`,
    timestamp: `CASE WHEN isfinite(${instantOf(trimmed)}) THEN ${instantOf(trimmed)} AT TIME ZONE 'UTC' END`,
  }[type];
  return { typed: parsed, isMissing, text, ...(type === 'float' ? { isInfinite: `coalesce(isinf(${number}), false)` } : {}) };
}

/**
 * Through the type with a time zone: the plain one overlooks an offset. DuckDB wants seconds before an offset, and hosts do not
 * (`parseIsoTimestamp`); only what it cannot read is looked at again.
 */
function instantOf(text: string): string {
  const minutesAndOffset = '([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2})(Z|[+-][0-9]{2}(:?[0-9]{2})?)';
  const withSeconds = `regexp_replace(${text}, '^${minutesAndOffset}$', '\\1:00\\2')`;
  return `coalesce(TRY_CAST(${text} AS TIMESTAMPTZ), TRY_CAST(${withSeconds} AS TIMESTAMPTZ))`;
}

import type { ColumnStatistics, SnapshotManifest, ValidationReport } from '../../../contracts/dataset.js';
import type { FrozenColumn, FrozenSchema } from '../../../contracts/pipeline.js';
import { distributionOf, looksLikeId, rounded } from './distribution.js';

/** A column of text with more values than that has no domain. */
const fewValues = 50;
/** Gaps come and go a little from month to month. */
const leastTolerance = 0.01;

/**
 * What a data set is like, as a schema that later ones are held against: tolerant where data differ from month to month
 * without anything being wrong.
 *
 * Pure: equal reports give equal schemas. `maxMissing` is half as much again as there is, a range is a quarter wider on
 * both sides (what is not negative stays so), times and ids have neither range nor distribution, since those of tomorrow differ.
 *
 * @param columns of the source, with DuckDB's names of their types
 */
export function inferSchema(report: ValidationReport, columns: SnapshotManifest['columns']): FrozenSchema {
  const described = new Map(report.statistics.map((statistics) => [statistics.column, statistics]));
  const frozen = columns.map(({ name, type }): [string, FrozenColumn] => {
    const statistics = described.get(name);
    return [name, { type, presence: 'required', ...(statistics ? facts(statistics) : {}) }];
  });
  return { formatVersion: 1, rows: report.rows, columns: Object.fromEntries(frozen.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function facts(statistics: ColumnStatistics): Omit<FrozenColumn, 'type' | 'presence'> {
  const { rows, missing, distinct, min, max } = statistics;
  const share = missing / rows;
  const distribution = distributionOf(statistics);
  return {
    maxMissing: rounded(Math.min(1, Math.max(leastTolerance, share * 1.5))),
    ...domainOf(statistics),
    ...(typeof min === 'number' && typeof max === 'number' && isNumber(statistics) && !looksLikeId(statistics)
      ? { range: widened(min, max) }
      : {}),
    ...(distinct === 1 && min === max && missing === 0 ? { constant: true } : {}),
    ...(distribution ? { distribution } : {}),
  };
}

function isNumber({ type }: ColumnStatistics): boolean {
  return type === 'integer' || type === 'float';
}

/** The top values are all values when they account for every row that has one. */
function domainOf({ type, topValues = [], rows, missing, sampledRows }: ColumnStatistics): { domain?: string[] } {
  const isWhole = sampledRows === undefined && topValues.reduce((sum, value) => sum + value.rows, 0) === rows - missing;
  if (type !== 'string' || !isWhole || topValues.length === 0 || topValues.length > fewValues) return {};
  return { domain: topValues.map(({ value }) => value).sort() };
}

function widened(min: number, max: number): { min: number; max: number } {
  const margin = (max - min) / 4;
  return {
    min: rounded(min >= 0 ? Math.max(0, min - margin) : min - margin),
    max: rounded(max <= 0 ? Math.min(0, max + margin) : max + margin),
  };
}

import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { ColumnSpec } from '../../../contracts/pipeline.js';
import { type ColumnReading, sqlTypes } from '../read/column-reading.js';
import { parseIsoTimestamp } from '../read/iso-timestamp.js';
import { numberLiteral, textLiteral } from '../sql-quoting.js';

/** A rule about the values of one column. */
export interface RowRule {
  readonly rule: 'type' | 'infinite' | 'null' | 'range' | 'allowed';
  readonly column: string;
  readonly expected: string;
  /** SQL condition over the source's columns, true for a row that breaks the rule, never NULL. */
  readonly isBroken: string;
  /** SQL text of the value that breaks it, for an example. */
  readonly example: string;
  /** Why a row is quarantined. */
  readonly reason: string;
  readonly onViolation: ColumnSpec['onViolation'];
}

const typeNames: Readonly<Record<ColumnSpec['type'], string>> = {
  string: 'a string',
  integer: 'an integer',
  float: 'a number',
  boolean: 'true or false',
  timestamp: 'a timestamp',
  image: 'an image',
};

/**
 * The rules of a column, in the order in which a row is tested; the first that a row breaks is its reason.
 *
 * `onViolation: warn` lets values through that are out of range or not allowed. A value that is missing or unreadable
 * where none may be is quarantined all the same: the model's input could not carry it.
 *
 * @throws AnnealError `InvalidPipeline` when `min`, `max` or `allowed` cannot apply to the column's type
 */
export function rulesOf(column: string, spec: ColumnSpec, reading: ColumnReading): RowRule[] {
  const { typed, isMissing, isInfinite } = reading;
  const strict = spec.onViolation === 'warn' ? 'quarantine' : spec.onViolation;
  const base = { column, example: reading.text };
  const rules: RowRule[] = [
    {
      ...base,
      rule: 'type',
      expected: typeNames[spec.type],
      isBroken: `(NOT ${isMissing} AND ${isInfinite ? `NOT ${isInfinite} AND ` : ''}(${typed}) IS NULL)`,
      reason: `${column} is not ${typeNames[spec.type]}`,
      onViolation: strict,
    },
  ];
  if (isInfinite)
    rules.push({
      ...base,
      rule: 'infinite',
      expected: 'finite values',
      isBroken: `coalesce(${isInfinite}, false)`,
      reason: `${column} is infinite`,
      onViolation: strict,
    });
  if (!spec.nullable)
    rules.push({
      ...base,
      rule: 'null',
      expected: 'a value in every row',
      isBroken: isMissing,
      reason: `${column} is missing`,
      onViolation: strict,
    });
  for (const [name, operator, words] of [
    ['min', '<', 'below'],
    ['max', '>', 'above'],
  ] as const) {
    const bound = spec[name];
    if (bound === undefined) continue;
    rules.push({
      ...base,
      rule: 'range',
      expected: `${name} ${bound}`,
      isBroken: `coalesce((${typed}) ${operator} ${boundLiteral(column, spec.type, name, bound)}, false)`,
      reason: `${column} is ${words} ${bound}`,
      onViolation: spec.onViolation,
    });
  }
  if (spec.allowed) {
    const values = spec.allowed.map(textLiteral).join(', ');
    rules.push({
      ...base,
      rule: 'allowed',
      expected: `one of ${shortList(spec.allowed)}`,
      isBroken: `coalesce(CAST((${typed}) AS VARCHAR) NOT IN (${values}), false)`,
      reason: `${column} is not an allowed value`,
      onViolation: spec.onViolation,
    });
  }
  return rules;
}

function boundLiteral(column: string, type: ColumnSpec['type'], name: 'min' | 'max', bound: number | string): string {
  if (type === 'timestamp') {
    const milliseconds = typeof bound === 'string' ? parseIsoTimestamp(bound) : Math.round(bound);
    if (milliseconds !== undefined) return timestampLiteral(milliseconds);
  } else if ((type === 'integer' || type === 'float') && typeof bound === 'number') {
    return type === 'integer' && Number.isSafeInteger(bound) ? `CAST(${bound} AS ${sqlTypes.integer})` : numberLiteral(bound);
  }
  throw new AnnealError(
    failureTypes.invalidPipeline,
    `columns.${column}.${name} is ${JSON.stringify(bound)}, which cannot bound a column of type ${type}. Numbers bound integer and float columns, existing ISO dates bound timestamps; remove it for other types.`,
  );
}

/** @param milliseconds since 1970-01-01 UTC */
export function timestampLiteral(milliseconds: number): string {
  return `epoch_ms(CAST(${milliseconds} AS BIGINT))`;
}

export function shortList(values: readonly string[]): string {
  const shown = values.slice(0, 10).map((value) => JSON.stringify(value.slice(0, 60)));
  return values.length > shown.length ? `${shown.join(', ')} and ${values.length - shown.length} more` : shown.join(', ');
}

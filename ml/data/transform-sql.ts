import type { FittedFeature, FittedTransform, RawInput } from '../../contracts/dataset.js';
import { float32Max } from './lower-transform.js';
import { identifier, numberLiteral, textLiteral } from './sql-quoting.js';

/**
 * The SQL twin of `lowerTransform`. DuckDB computes it with its own calendar and its own tables of categories,
 * so the comparison of the two (in the tests, and on real rows in every run) is between two implementations.
 */

/**
 * A typed column of the clean data in the encoding of `RawInput`, a missing value as SQL NULL.
 *
 * @param column SQL expression of the column's type in the pipeline: VARCHAR, BIGINT, DOUBLE, BOOLEAN or TIMESTAMP
 * @returns VARCHAR, BIGINT or DOUBLE; "" is missing, and so are a text with a NUL character, NaN, infinite floats and infinite timestamps
 */
export function rawColumn(input: Pick<RawInput, 'type' | 'columnType'>, column: string): string {
  switch (input.columnType) {
    case 'string':
      // The runtime reads a string up to its first NUL character, so a text with one cannot be told from its beginning.
      return `CASE WHEN ${column} <> '' AND NOT contains(${column}, chr(0)) THEN ${column} END`;
    case 'float':
      return finite(column);
    case 'timestamp':
      // Integer division truncates: the remainder goes first, so that 1969 rounds down too.
      return `CASE WHEN isfinite(${column}) THEN (epoch_us(${column}) - ((epoch_us(${column}) % 1000) + 1000) % 1000) // 1000 END`;
    case 'integer':
    case 'boolean':
      return input.type === 'int64' ? `CAST(${column} AS BIGINT)` : `CAST(CAST(${column} AS BIGINT) AS DOUBLE)`;
  }
}

/** Raw columns in, the model's matrices out: SQL expressions in the column order of `transform.layout`, never NULL. */
export interface EncodedColumns {
  /** INTEGER each. */
  readonly categorical: readonly string[];
  /** FLOAT each. */
  readonly numeric: readonly string[];
}

/**
 * The transform as SQL expressions over a relation that has the raw inputs as columns (see `rawColumn`).
 *
 * @returns what `lowerTransform` computes in the graph, column by column
 */
export function encodedColumns(transform: FittedTransform): EncodedColumns {
  const inputs = new Map(transform.inputs.map((input) => [input.name, input]));
  const numeric = transform.features.filter((feature) => feature.kind === 'numeric');
  return {
    categorical: transform.features.flatMap((feature) => {
      if (feature.kind === 'numeric') return [];
      return [feature.kind === 'categorical' ? category(feature, inputs.get(feature.input)!) : calendarPart(feature)];
    }),
    numeric: [
      ...numeric.map(scaledNumber),
      ...numeric.filter((feature) => feature.missingIndicator).map((feature) => `CAST(${finiteDouble(feature.input)} IS NULL AS FLOAT)`),
    ],
  };
}

function category(feature: Extract<FittedFeature, { kind: 'categorical' }>, input: RawInput): string {
  const column = identifier(feature.input);
  if (feature.vocabulary.length === 0) return 'CAST(0 AS INTEGER)';
  const text =
    input.type === 'string'
      ? column
      : input.type === 'int64'
        ? `CAST(${column} AS VARCHAR)`
        : `CASE WHEN TRY_CAST(${column} AS BIGINT) = ${column} THEN CAST(TRY_CAST(${column} AS BIGINT) AS VARCHAR) END`;
  const vocabulary = feature.vocabulary.map(textLiteral).join(', ');
  // The code of a small enumeration is an unsigned byte, which 255 + 1 would overflow.
  return `coalesce(CAST(enum_code(TRY_CAST(${text} AS ENUM(${vocabulary}))) AS INTEGER) + 1, 0)`;
}

const calendarFunctions = {
  month: (time: string) => `month(${time})`,
  dayOfMonth: (time: string) => `dayofmonth(${time})`,
  dayOfWeek: (time: string) => `isodow(${time})`,
  hour: (time: string) => `hour(${time}) + 1`,
  minute: (time: string) => `minute(${time}) + 1`,
} as const;

function calendarPart(feature: Extract<FittedFeature, { kind: 'calendar' }>): string {
  const part = calendarFunctions[feature.part](`epoch_ms(${identifier(feature.input)})`);
  return `CAST(coalesce(${part}, 0) AS INTEGER)`;
}

function scaledNumber(feature: Extract<FittedFeature, { kind: 'numeric' }>): string {
  const filled = `coalesce(${finiteDouble(feature.input)}, ${numberLiteral(feature.fill)})`;
  const scaled = `(${filled} - ${numberLiteral(feature.center)}) / ${numberLiteral(feature.scale)}`;
  return `CAST(greatest(least(${scaled}, ${numberLiteral(float32Max)}), ${numberLiteral(-float32Max)}) AS FLOAT)`;
}

function finiteDouble(name: string): string {
  return finite(`CAST(${identifier(name)} AS DOUBLE)`);
}

function finite(expression: string): string {
  return `CASE WHEN isfinite(${expression}) THEN ${expression} END`;
}

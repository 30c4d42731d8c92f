import type { RawInput } from '../../../contracts/dataset.js';

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
      return `CASE WHEN isfinite(${column}) THEN ${column} END`;
    case 'timestamp':
      // Integer division truncates: the remainder goes first, so that 1969 rounds down too.
      return `CASE WHEN isfinite(${column}) THEN (epoch_us(${column}) - ((epoch_us(${column}) % 1000) + 1000) % 1000) // 1000 END`;
    case 'integer':
    case 'boolean':
      return input.type === 'int64' ? `CAST(${column} AS BIGINT)` : `CAST(CAST(${column} AS BIGINT) AS DOUBLE)`;
  }
}

import type { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';

/*
 * The values of a chunk as they lie in DuckDB's memory. The typed interface asks for each value by a call of its own and tests
 * its validity in 64-bit arithmetic, some 50 ns a value where a column could have missing ones; this is for columns of
 * millions of plain numbers. What is given back is valid as long as the chunk is.
 */

const typeIds = new Map<NumberArray, duckdb.Type>([
  [Int32Array, duckdb.Type.INTEGER],
  [Float32Array, duckdb.Type.FLOAT],
]);

type NumberArray = Int32ArrayConstructor | Float32ArrayConstructor;

/**
 * A column of INTEGER or FLOAT without a missing value.
 *
 * @param rows of the chunk
 * @returns shape [rows]
 * @throws TypeError when the column has another type, or a row has no value
 */
export function numbersOf(chunk: DuckDBDataChunk, column: number, rows: number, Numbers: NumberArray): Int32Array | Float32Array {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
  const found = duckdb.get_type_id(duckdb.vector_get_column_type(vector));
  if (found !== typeIds.get(Numbers)) throw new TypeError(`Column ${column} of a chunk is of DuckDB's type ${found}.`);
  if (!isValid(validityOf(vector, rows), rows)) throw new TypeError(`Column ${column} of a chunk has a row without a value.`);
  const { buffer, byteOffset } = duckdb.vector_get_data(vector, rows * Numbers.BYTES_PER_ELEMENT);
  return new Numbers(buffer as ArrayBuffer, byteOffset, rows);
}

/** @returns the rows that have a value in a column, increasing */
export function rowsWithValue(chunk: DuckDBDataChunk, column: number, rows: number): number[] {
  const validity = validityOf(duckdb.data_chunk_get_vector(chunk.chunk, column), rows);
  if (!validity) return Array.from({ length: rows }, (_, row) => row);
  const found: number[] = [];
  for (let byte = 0; byte * 8 < rows; byte += 1) {
    for (let bits = validity[byte], row = byte * 8; bits > 0 && row < rows; bits >>= 1, row += 1) if (bits & 1) found.push(row);
  }
  return found;
}

/** A bit a row, the first row lowest; undefined when every row has a value. */
function validityOf(vector: duckdb.Vector, rows: number): Uint8Array | undefined {
  // DuckDB keeps the bits in words of 64; the declaration does not say that there may be none.
  const bytes = duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8) as Uint8Array | null;
  return bytes ?? undefined;
}

function isValid(validity: Uint8Array | undefined, rows: number): boolean {
  if (!validity) return true;
  const whole = rows >> 3;
  for (let byte = 0; byte < whole; byte += 1) if (validity[byte] !== 0xff) return false;
  const rest = (1 << (rows & 7)) - 1;
  return (validity[whole] & rest) === rest;
}

import type { DuckDBDoubleVector, DuckDBIntegerVector } from '@duckdb/node-api';
import type { DataSession } from '../data/duckdb-session.js';

/** Columns of some rows, in one order. */
export interface SampledValues {
  readonly rows: number;
  readonly indices: readonly Int32Array[];
  /** NaN where there is none. */
  readonly numbers: readonly Float64Array[];
}

/**
 * Read rows into memory, column by column.
 *
 * @param relation what follows FROM
 * @param indices SQL, INTEGER, never NULL @param numbers SQL, DOUBLE
 */
export async function readValues(
  session: DataSession,
  relation: string,
  indices: readonly string[],
  numbers: readonly string[],
): Promise<SampledValues> {
  const selected = [...indices, ...numbers].map((sql, i) => `${sql} AS c${i}`).join(', ');
  const pieces: { readonly indices: Int32Array[]; readonly numbers: Float64Array[]; readonly rows: number }[] = [];
  if (selected !== '') {
    for await (const chunk of session.chunks(`SELECT ${selected} FROM ${relation}`)) {
      const rows = chunk.rowCount;
      const ofIndex = (i: number) => {
        const vector = chunk.getColumnVector(i) as DuckDBIntegerVector;
        return Int32Array.from({ length: rows }, (_, row) => vector.getItem(row) ?? 0);
      };
      const ofNumber = (i: number) => {
        const vector = chunk.getColumnVector(i) as DuckDBDoubleVector;
        return Float64Array.from({ length: rows }, (_, row) => vector.getItem(row) ?? Number.NaN);
      };
      pieces.push({
        rows,
        indices: indices.map((_, i) => ofIndex(i)),
        numbers: numbers.map((_, i) => ofNumber(indices.length + i)),
      });
    }
  }
  const rows = pieces.reduce((sum, piece) => sum + piece.rows, 0);
  const joined = <T extends Int32Array | Float64Array>(into: T, parts: readonly T[]): T => {
    let at = 0;
    for (const part of parts) {
      into.set(part, at);
      at += part.length;
    }
    return into;
  };
  return {
    rows,
    indices: indices.map((_, i) =>
      joined(
        new Int32Array(rows),
        pieces.map((piece) => piece.indices[i]),
      ),
    ),
    numbers: numbers.map((_, i) =>
      joined(
        new Float64Array(rows),
        pieces.map((piece) => piece.numbers[i]),
      ),
    ),
  };
}

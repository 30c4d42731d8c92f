import type { DuckDBDataChunk, DuckDBStructValue } from '@duckdb/node-api';
import { rowsWithValue } from '../chunk-memory.js';
import { rowNumberColumn } from '../split/part-relation.js';
import { identifier } from '../sql-quoting.js';

/** About so many rows are kept. */
const sampleRows = 5000;

/** Some rows of a relation as they are, and where each stands among all of them. */
export interface RawSample {
  /** Increasing, from 0. */
  readonly positions: readonly number[];
  /** By column: BIGINT as bigint, DOUBLE as number, VARCHAR as string, missing as null. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/**
 * SQL of the row's columns as a struct in about 5,000 rows, spread by a hash of their numbers, and NULL in all others: a query
 * that reads every row anyway brings them along.
 */
export function rawSampleSql({ columns, rows }: { readonly columns: readonly string[]; readonly rows: number }): string {
  const stride = Math.max(1, Math.floor(rows / sampleRows));
  const fields = columns.map((name, i) => `${fieldName(i)} := ${identifier(name)}`).join(', ');
  return `CASE WHEN hash(${rowNumberColumn}) % ${stride} = 0 THEN struct_pack(${fields}) END`;
}

/** Collects the rows that `rawSampleSql` marks. */
export class RawSampler {
  readonly #positions: number[] = [];
  readonly #rows: DuckDBStructValue[] = [];

  constructor(private readonly columns: readonly string[]) {}

  /** @param before rows of the chunks before this one */
  take(chunk: DuckDBDataChunk, column: number, rowCount: number, before: number): void {
    const marked = rowsWithValue(chunk, column, rowCount);
    if (marked.length === 0) return;
    const vector = chunk.getColumnVector(column);
    for (const row of marked) {
      this.#positions.push(before + row);
      this.#rows.push(vector.getItem(row) as DuckDBStructValue);
    }
  }

  get sample(): RawSample {
    const rows = this.#rows.map(({ entries }) => Object.fromEntries(this.columns.map((name, i) => [name, entries[fieldName(i)]])));
    return { positions: this.#positions, rows };
  }
}

/** The fields of a struct do not tell upper from lower case, names of columns might differ in that alone. */
function fieldName(index: number): string {
  return `f${index}`;
}

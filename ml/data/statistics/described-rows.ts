import type { DataSession } from '../duckdb-session.js';
import { targetColumn } from '../target-column.js';
import { type DescribedColumn, describedValue } from './described-column.js';

/** More rows than that are looked at through a sample, where one tells enough. */
const mostRows = 2_000_000;
const sampleRows = 1_000_000;
const defaultCells = 25_000_000;
/** Knuth's multiplicative hash: row numbers that follow a rhythm are spread evenly all the same. */
const spread = { factor: 2_654_435_761, modulus: 2 ** 32 };

const view = '__anneal_described';
const table = '__anneal_described_rows';
/** Columns of the described relation beside those by alias. */
export const splitColumn = 'split';
export const numberColumn = 'number';

/** Where rows come from. All is SQL, names quoted. */
export interface RowsToDescribe {
  /** Best one that is cheap to read a column at a time, such as a Parquet file: many rows are read several times. */
  readonly relation: string;
  /** Column with the number of the row. */
  readonly rowNumber: string;
  readonly rows: number;
  /** Position of the row's split in `splitNames`, NULL for none, or the column that holds it; absent when there are no splits. */
  readonly split?: string;
  /** Whether the relation has `__target`. */
  readonly hasTarget: boolean;
  /** Values that are held in memory at once, about 8 to 16 bytes each; DuckDB moves what is too much to disk. @default 25,000,000 */
  readonly sampledCells?: number;
}

export interface DescribedRows {
  /** All rows, with the columns by alias, `number`, `split` and `__target`: a table in memory, or a view where they are many. */
  readonly all: string;
  readonly rows: number;
  /** Whether there is a sample to be drawn, since all rows are too many for memory. */
  readonly isLarge: boolean;
  /** Rows of the sample, about; all where there is none. */
  readonly sampleRows: number;
}

/** Read a relation into memory, or make a view of it where it is too large for that; it lives as long as the session. */
export async function openDescribedRows(
  session: DataSession,
  source: RowsToDescribe,
  columns: readonly DescribedColumn[],
): Promise<DescribedRows> {
  const { relation, rowNumber, rows, split, hasTarget, sampledCells = defaultCells } = source;
  const select = [
    `${rowNumber} AS ${numberColumn}`,
    `${split ? `CAST(${split} AS TINYINT)` : 'CAST(NULL AS TINYINT)'} AS ${splitColumn}`,
    `${hasTarget ? targetColumn : 'CAST(NULL AS BOOLEAN)'} AS ${targetColumn}`,
    ...columns.map(describedValue),
  ].join(', ');
  const wanted = Math.min(rows > mostRows ? sampleRows : rows, Math.floor(sampledCells / columns.length));
  const isLarge = wanted < rows;
  const kind = isLarge ? `VIEW ${view}` : `TABLE ${table}`;
  await session.run(`CREATE OR REPLACE TEMP ${kind} AS SELECT ${select} FROM ${relation}`);
  return { all: isLarge ? view : table, rows, isLarge, sampleRows: wanted };
}

/** SQL of about `rows` of the described rows, spread evenly by row number and the same at every attempt. Pure. */
export function someRows({ all, rows: known }: DescribedRows, rows: number): string {
  if (rows >= known) return all;
  const limit = Math.floor((rows / known) * spread.modulus);
  return `(SELECT * FROM ${all} WHERE (${numberColumn} * ${spread.factor}) % ${spread.modulus} < ${limit})`;
}

/**
 * The rows that distributions are made of, in memory: a sample, or all where they are there already.
 *
 * @returns name of a table, and its number of rows
 */
export async function sampleOf(
  session: DataSession,
  described: DescribedRows,
  columns: readonly DescribedColumn[],
): Promise<{ readonly sample: string; readonly sampledRows: number }> {
  if (!described.isLarge) return { sample: described.all, sampledRows: described.rows };
  const selected = [splitColumn, targetColumn, ...columns.map(({ alias }) => alias)].join(', ');
  await session.run(`CREATE OR REPLACE TEMP TABLE ${table} AS SELECT ${selected} FROM ${someRows(described, described.sampleRows)}`);
  const [{ found }] = await session.rows(`SELECT count(*) AS found FROM ${table}`);
  return { sample: table, sampledRows: Number(found) };
}

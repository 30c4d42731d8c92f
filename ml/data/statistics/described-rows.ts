import type { DataSession } from '../duckdb-session.js';
import { targetColumn } from '../target-column.js';
import { type DescribedColumn, describedValue } from './described-column.js';

const defaultCells = 25_000_000;
/** Knuth's multiplicative hash: row numbers that follow a rhythm are spread evenly all the same. */
const spread = { factor: 2_654_435_761, modulus: 2 ** 32 };

const view = '__anneal_described';
const table = '__anneal_sample';
const keys = '__anneal_keys';
const keyColumns = { number: '__anneal_key', split: '__anneal_key_split', target: '__anneal_key_target' };
/** Columns of the described relation beside those by alias. */
export const splitColumn = 'split';
export const numberColumn = 'number';

/** Where rows come from. All is SQL, names quoted. */
export interface RowsToDescribe {
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
  /** All rows; the sample itself where that holds all of them. */
  readonly all: string;
  /** Table in memory with the columns by alias, `split` and `__target`. */
  readonly sample: string;
  readonly rows: number;
  readonly sampledRows: number;
}

/**
 * Read a relation once into memory, or an even sample of it that is the same at every attempt.
 *
 * @returns names of relations that live as long as the session
 */
export async function readDescribedRows(
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
  const wanted = Math.floor(sampledCells / columns.length);
  const isSampled = rows > wanted;
  const limit = Math.floor((wanted / rows) * spread.modulus);
  const where = isSampled ? ` WHERE (${rowNumber} * ${spread.factor}) % ${spread.modulus} < ${limit}` : '';
  await session.run(`CREATE OR REPLACE TEMP TABLE ${table} AS SELECT ${select} FROM ${relation}${where}`);
  if (!isSampled) return { all: table, sample: table, rows, sampledRows: rows };
  await session.run(`CREATE OR REPLACE TEMP VIEW ${view} AS SELECT ${select} FROM ${relation}`);
  const [{ found }] = await session.rows(`SELECT count(*) AS found FROM ${table}`);
  return { all: view, sample: table, rows, sampledRows: Number(found) };
}

/**
 * The same rows with split and target computed once, for a relation whose columns are read a few at a time.
 *
 * They may take the values of all columns to compute.
 */
export async function withKeptSplits(session: DataSession, source: RowsToDescribe): Promise<RowsToDescribe> {
  const { relation, rowNumber, split, hasTarget } = source;
  if (split === undefined) return source;
  const target = hasTarget ? targetColumn : 'NULL';
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${keys} AS SELECT ${rowNumber} AS ${keyColumns.number}, ${split} AS ${keyColumns.split}, ${target} AS ${keyColumns.target} FROM ${relation}`,
  );
  const columns = hasTarget ? `* REPLACE (${keyColumns.target} AS ${targetColumn})` : '*';
  const joined = `(SELECT ${columns} FROM ${relation} JOIN ${keys} ON ${rowNumber} = ${keyColumns.number})`;
  return { ...source, relation: joined, split: keyColumns.split };
}

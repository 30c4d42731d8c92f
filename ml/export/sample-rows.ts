import type { FittedTransform, ModelInput } from '../../contracts/dataset.js';
import { type DataSession } from '../data/duckdb-session.js';
import { identifier, textLiteral } from '../data/sql-quoting.js';
import { encodedNumbers } from '../data/transform/encoded-numbers.js';
import { encodedColumns } from '../data/transform/transform-kinds.js';
import type { EncodedData } from '../train/engine.js';

/** A row by column name, as a caller of the row-oriented API would send it. */
export type Instance = Readonly<Record<string, string | number | null>>;

export interface SampleRows {
  readonly instances: readonly Instance[];
  /** The same rows as the transform's SQL encodes them; the target is zero. */
  readonly encoded: EncodedData;
}

const sqlTypes = { string: 'VARCHAR', int64: 'BIGINT', float64: 'DOUBLE', uint8: 'BLOB' } as const;
/** Not a category that data have: vocabularies come from what people see. */
const unseenCategory = 'a category that was never seen';
/** Beyond it a JSON number is not the integer any more. */
const maxSafe = Number.MAX_SAFE_INTEGER;
const maxDateMs = 8.64e15;

/**
 * Read raw rows, evenly spread over a Parquet file, and add what they may lack: a row with every nullable column
 * missing, and one whose string columns hold an unseen category. Deterministic.
 *
 * Rows that JSON cannot carry (integers beyond 2^53, values missing where the model expects none) are passed over.
 *
 * @param rows number of rows of the file to take, at most
 */
export async function sampleRows(
  session: DataSession,
  path: string,
  totalRows: number,
  transform: FittedTransform,
  rows: number,
): Promise<SampleRows> {
  const { image } = transform;
  const inputs: readonly ModelInput[] = [...transform.inputs, ...(image ? [image] : [])];
  const names = inputs.map(({ name }) => identifier(name));
  const stride = Math.max(1, Math.floor(totalRows / rows));
  const missing = inputs.map((input, i) => (input.nullable ? `CAST(NULL AS ${sqlTypes[input.type]}) AS ${names[i]}` : names[i]));
  const unseen = inputs.map((input, i) => (input.type === 'string' ? `${textLiteral(unseenCategory)} AS ${names[i]}` : names[i]));
  const variants = [
    `SELECT place, ${names.join(', ')} FROM taken`,
    ...(inputs.some(({ nullable }) => nullable) ? [`SELECT ${rows + 1}, ${missing.join(', ')} FROM first`] : []),
    ...(inputs.some(({ type }) => type === 'string') ? [`SELECT ${rows + 2}, ${unseen.join(', ')} FROM first`] : []),
  ];
  const { categorical, numeric } = encodedColumns(transform);
  const found = await session.rows(`
    WITH taken AS MATERIALIZED (
      SELECT file_row_number // ${stride} AS place, ${names.join(', ')}
      FROM read_parquet(${textLiteral(path)}, file_row_number = true)
      WHERE file_row_number % ${stride} = 0 AND ${inputs.map(isSendable).join(' AND ')}
      ORDER BY place LIMIT ${rows}
    ),
    first AS (SELECT * FROM taken ORDER BY place LIMIT 1),
    sample AS (${variants.join(' UNION ALL ')})
    SELECT ${names.map((name, i) => `${name} AS input_${i}`).join(', ')},
      ${numeric.map(({ sql }, i) => `${sql} AS number_${i},`).join(' ')} CAST([${categorical.join(', ')}] AS INTEGER[]) AS indices
    FROM sample ORDER BY place`);
  const numbersOf = (row: Readonly<Record<string, unknown>>) =>
    encodedNumbers(
      numeric,
      numeric.map((_, i) => row[`number_${i}`]),
    );
  return {
    instances: found.map((row) => Object.fromEntries(inputs.map((input, i) => [input.name, toJson(input, row[`input_${i}`])]))),
    encoded: {
      rows: found.length,
      ...(categorical.length > 0 ? { categorical: Int32Array.from(found.flatMap((row) => row.indices as number[])) } : {}),
      ...(numeric.length > 0 ? { numeric: Float32Array.from(found.flatMap(numbersOf)) } : {}),
      ...(image ? { image: Buffer.concat(found.map((row) => imageBytes(row[`input_${inputs.length - 1}`]))) } : {}),
      target: new Float32Array(found.length),
    },
  };
}

function isSendable(input: ModelInput): string {
  const name = identifier(input.name);
  const limit = input.columnType === 'timestamp' ? maxDateMs : maxSafe;
  const isSafe = input.columnType === 'timestamp' || input.columnType === 'integer' ? `abs(${name}) <= ${limit}` : 'true';
  return input.nullable ? `(${name} IS NULL OR ${isSafe})` : `(${name} IS NOT NULL AND ${isSafe})`;
}

function toJson(input: ModelInput, value: unknown): string | number | null {
  if (value === null) return null;
  if (input.columnType === 'image') return Buffer.from(imageBytes(value)).toString('base64');
  if (input.columnType === 'timestamp') return new Date(Number(value)).toISOString();
  return typeof value === 'bigint' ? Number(value) : (value as string | number);
}

function imageBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError('A row of the test part has no image.');
}

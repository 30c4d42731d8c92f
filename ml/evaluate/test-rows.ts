import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { ModelInput } from '../../contracts/dataset.js';
import type { DataSession } from '../data/duckdb-session.js';
import type { RawTensor } from '../data/read/raw-tensors.js';
import { slicePrefix } from '../data/validate/schema-check.js';
import { identifier, textLiteral } from '../data/sql-quoting.js';
import { rawColumn } from './raw-column.js';
import type { SliceColumn } from './slices.js';

const sqlTypes: Readonly<Record<ModelInput['type'], string>> = { string: 'VARCHAR', int64: 'BIGINT', float64: 'DOUBLE', uint8: 'BLOB' };

export interface TestBatch {
  readonly rows: number;
  /** The column as this input takes it. */
  column(input: ModelInput): RawTensor;
}

export interface TestRows {
  readonly totalRows: number;
  /** Filled as the batches are read, shape [totalRows]. */
  readonly actual: Float32Array;
  /** Filled as the batches are read. */
  readonly slices: readonly SliceColumn[];
  /** To be read once, to the end. */
  readonly batches: AsyncIterable<TestBatch>;
}

/**
 * Read a Parquet file of raw test rows (see `PreparedManifest.test`) batch by batch; a batch holds about 2,000 rows.
 *
 * @param inputs of every model that will read them; several may read one column as different types
 */
export async function readTestRows(session: DataSession, path: string, inputs: readonly ModelInput[]): Promise<TestRows> {
  const source = `read_parquet(${textLiteral(path)})`;
  const [{ rows: count }] = await session.rows(`SELECT count(*) AS rows FROM ${source}`);
  const described = await session.rows(`DESCRIBE SELECT * FROM ${source}`);
  const sliceColumns = described.map((column) => column.column_name as string).filter((name) => name.startsWith(slicePrefix));
  const totalRows = Number(count);
  const actual = new Float32Array(totalRows);
  const slices = sliceColumns.map((name) => new SliceReader(name.slice(slicePrefix.length), totalRows));

  const distinct = [...new Map(inputs.map((input) => [columnKey(input), input])).values()];
  const positions = new Map(distinct.map((input, position) => [columnKey(input), position]));
  const columns = [
    ...distinct.map((input) => `CAST(${identifier(input.name)} AS ${sqlTypes[input.type]})`),
    ...sliceColumns.map((name) => `CAST(${identifier(name)} AS VARCHAR)`),
    'CAST("__target" AS DOUBLE)',
  ];
  const query = `SELECT ${columns.map((column, i) => `${column} AS c${i}`).join(', ')} FROM ${source}`;

  async function* batches(): AsyncGenerator<TestBatch> {
    let first = 0;
    for await (const chunk of session.chunks(query)) {
      const rows = chunk.rowCount;
      slices.forEach((slice, i) => slice.read(chunk, distinct.length + i, first));
      const target = chunk.getColumnVector(columns.length - 1);
      for (let row = 0; row < rows; row++) actual[first + row] = target.getItem(row) as number;
      const read = new Map<number, RawTensor>();
      yield {
        rows,
        column: (input) => {
          const position = positions.get(columnKey(input))!;
          const known = read.get(position) ?? rawColumn(chunk.getColumnVector(position), input, rows);
          read.set(position, known);
          return known;
        },
      };
      first += rows;
    }
  }
  return { totalRows, actual, slices, batches: batches() };
}

function columnKey(input: ModelInput): string {
  return `${input.type} ${input.name}`;
}

class SliceReader implements SliceColumn {
  readonly values: string[] = [];
  readonly codes: Int32Array;
  private readonly known = new Map<string, number>();

  constructor(
    readonly name: string,
    rows: number,
  ) {
    this.codes = new Int32Array(rows).fill(-1);
  }

  read(chunk: DuckDBDataChunk, position: number, firstRow: number): void {
    const vector = chunk.getColumnVector(position);
    for (let row = 0; row < chunk.rowCount; row++) {
      const value = vector.getItem(row) as string | null;
      if (value !== null) this.codes[firstRow + row] = this.codeOf(value);
    }
  }

  private codeOf(value: string): number {
    const known = this.known.get(value);
    if (known !== undefined) return known;
    const code = this.values.push(value) - 1;
    this.known.set(value, code);
    return code;
  }
}

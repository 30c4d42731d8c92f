import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBBlobValue, type DuckDBDataChunk } from '@duckdb/node-api';
import { numbersOf } from '../chunk-memory.js';
import type { DataSession } from '../duckdb-session.js';
import { rawSampleSql, RawSampler, type RawSample } from './raw-sample.js';
import type { EncodedColumns } from '../transform/transform-kinds.js';
import type { NumberSql } from '../transform/transform-kind.js';

/** Rows between two reports of progress, and most rows between two writes to disk. */
const blockRows = 65_536;
/** Numbers between two writes, so that wide rows do not fill the memory. */
const blockNumbers = 4_194_304;
/** Rows of a chunk of DuckDB's. */
const chunkRows = 2048;

/** Local files of an encoded split, little-endian and row-major. */
export interface EncodedSplitFiles {
  readonly rows: number;
  readonly categorical?: string;
  readonly numeric?: string;
  readonly target: string;
  /** Of the rows as they were before. */
  readonly sample?: RawSample;
}

export interface EncodeOptions {
  /** Called after each block with the rows done so far. */
  readonly onRows?: (rows: number) => void;
  /** Keep some of the rows as they were before they were encoded: which columns, and how many rows the relation has. */
  readonly sampled?: { readonly columns: readonly string[]; readonly rows: number };
}

/**
 * Encode the rows of a relation into arrays on disk, a block at a time.
 *
 * @param relation name of a view with the raw inputs and the target as numbers
 * @param target SQL of the target as FLOAT
 * @param name of the files within the session's scratch directory
 */
export async function encodeSplit(
  session: DataSession,
  relation: string,
  columns: EncodedColumns,
  target: string,
  name: string,
  { onRows = () => undefined, sampled }: EncodeOptions = {},
): Promise<EncodedSplitFiles> {
  const matrices = [
    { part: 'categorical', expressions: columns.categorical.map(singleColumn), Block: Int32Array },
    { part: 'numeric', expressions: columns.numeric, Block: Float32Array },
    { part: 'target', expressions: [singleColumn(target)], Block: Float32Array },
  ].filter(({ expressions }) => expressions.length > 0);
  const writers: MatrixWriter[] = [];
  const sampler = sampled && sampled.columns.length > 0 ? new RawSampler(sampled.columns) : undefined;
  let rows = 0;
  try {
    let firstColumn = 0;
    for (const { part, expressions, Block } of matrices) {
      const path = join(session.scratch, `${name}-${part}`);
      const widths = expressions.map(({ width }) => width);
      const rowWidth = widths.reduce((sum, width) => sum + width, 0);
      const rowsOfBlock = Math.max(chunkRows, Math.min(blockRows, Math.floor(blockNumbers / rowWidth)));
      writers.push(new MatrixWriter(part, path, await open(path, 'w'), firstColumn, widths, rowWidth, new Block(rowsOfBlock * rowWidth)));
      firstColumn += widths.length;
    }
    const expressions = matrices.flatMap((matrix) => matrix.expressions.map(({ sql }) => sql));
    const selected = [...expressions, ...(sampler ? [rawSampleSql(sampled!)] : [])];
    const query = `SELECT ${selected.map((expression, i) => `${expression} AS e${i}`).join(', ')} FROM ${relation}`;
    for await (const chunk of session.chunks(query)) {
      // A call into native code each time it is read.
      const { rowCount } = chunk;
      for (const writer of writers) await writer.append(chunk, rowCount);
      sampler?.take(chunk, expressions.length, rowCount, rows);
      const before = rows;
      rows += rowCount;
      if (Math.floor(rows / blockRows) !== Math.floor(before / blockRows)) onRows(rows);
    }
    for (const writer of writers) await writer.flush();
  } finally {
    await Promise.all(writers.map((writer) => writer.close()));
  }
  onRows(rows);
  const paths = Object.fromEntries(writers.map((writer) => [writer.part, writer.path]));
  const files = { rows, categorical: paths.categorical, numeric: paths.numeric, target: paths.target };
  return sampler ? { ...files, sample: sampler.sample } : files;
}

function singleColumn(sql: string): NumberSql {
  return { sql, width: 1 };
}

/** Puts columns side by side into row-major blocks and appends them to a file. */
class MatrixWriter {
  /** Rows in the block that are not written yet. */
  #filled = 0;

  constructor(
    readonly part: string,
    readonly path: string,
    private readonly file: FileHandle,
    private readonly firstColumn: number,
    /** Columns of the matrix that each expression gives. */
    private readonly widths: readonly number[],
    private readonly rowWidth: number,
    private readonly block: Int32Array | Float32Array,
  ) {}

  async append(chunk: DuckDBDataChunk, rows: number): Promise<void> {
    // A chunk has at most as many rows as the smallest block.
    if ((this.#filled + rows) * this.rowWidth > this.block.length) await this.flush();
    let column = 0;
    for (const [i, width] of this.widths.entries()) {
      if (width === 1) this.#fillColumn(chunk, rows, this.firstColumn + i, column);
      else this.#fillColumns(chunk, rows, this.firstColumn + i, column, width);
      column += width;
    }
    this.#filled += rows;
  }

  #fillColumn(chunk: DuckDBDataChunk, rows: number, expression: number, column: number): void {
    const { block, rowWidth } = this;
    const values = numbersOf(chunk, expression, rows, block instanceof Int32Array ? Int32Array : Float32Array);
    let at = this.#filled * rowWidth + column;
    for (let row = 0; row < rows; row += 1) {
      block[at] = values[row];
      at += rowWidth;
    }
  }

  #fillColumns(chunk: DuckDBDataChunk, rows: number, expression: number, column: number, width: number): void {
    const { block, rowWidth } = this;
    const vector = chunk.getColumnVector(expression);
    const blockBytes = new Uint8Array(block.buffer);
    for (let row = 0; row < rows; row += 1) {
      const value = vector.getItem(row);
      if (!(value instanceof DuckDBBlobValue) || value.bytes.length !== width * block.BYTES_PER_ELEMENT)
        throw new TypeError(`Encoded column ${expression} gave no ${width} numbers in a row.`);
      const at = ((this.#filled + row) * rowWidth + column) * block.BYTES_PER_ELEMENT;
      blockBytes.set(value.bytes, at);
    }
  }

  async flush(): Promise<void> {
    if (this.#filled === 0) return;
    const { buffer, BYTES_PER_ELEMENT } = this.block;
    const bytes = new Uint8Array(buffer, 0, this.#filled * this.rowWidth * BYTES_PER_ELEMENT);
    for (let done = 0; done < bytes.length;) done += (await this.file.write(bytes, done)).bytesWritten;
    this.#filled = 0;
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { DataSession } from './duckdb-session.js';
import type { EncodedColumns } from './transform-sql.js';

/** Rows between two writes to disk. */
const blockRows = 65_536;

/** Local files of an encoded split, little-endian and row-major. */
export interface EncodedSplitFiles {
  readonly rows: number;
  readonly categorical?: string;
  readonly numeric?: string;
  readonly target: string;
}

/**
 * Encode the rows of a relation into arrays on disk, a block at a time.
 *
 * @param relation name of a view with the raw inputs and the target as numbers
 * @param target SQL of the target as FLOAT
 * @param name of the files within the session's scratch directory
 * @param onRows called after each block with the rows done so far
 */
export async function encodeSplit(
  session: DataSession,
  relation: string,
  columns: EncodedColumns,
  target: string,
  name: string,
  onRows: (rows: number) => void,
): Promise<EncodedSplitFiles> {
  const matrices = [
    { part: 'categorical', expressions: columns.categorical, Block: Int32Array },
    { part: 'numeric', expressions: columns.numeric, Block: Float32Array },
    { part: 'target', expressions: [target], Block: Float32Array },
  ].filter(({ expressions }) => expressions.length > 0);
  const writers: MatrixWriter[] = [];
  let rows = 0;
  try {
    let firstColumn = 0;
    for (const { part, expressions, Block } of matrices) {
      const path = join(session.scratch, `${name}-${part}`);
      const width = expressions.length;
      writers.push(new MatrixWriter(part, path, await open(path, 'w'), firstColumn, width, new Block(blockRows * width)));
      firstColumn += width;
    }
    const expressions = matrices.flatMap((matrix) => matrix.expressions);
    const query = `SELECT ${expressions.map((expression, i) => `${expression} AS e${i}`).join(', ')} FROM ${relation}`;
    for await (const chunk of session.chunks(query)) {
      for (const writer of writers) await writer.append(chunk);
      const before = rows;
      rows += chunk.rowCount;
      if (Math.floor(rows / blockRows) !== Math.floor(before / blockRows)) onRows(rows);
    }
    for (const writer of writers) await writer.flush();
  } finally {
    await Promise.all(writers.map((writer) => writer.close()));
  }
  onRows(rows);
  const paths = Object.fromEntries(writers.map((writer) => [writer.part, writer.path]));
  return { rows, categorical: paths.categorical, numeric: paths.numeric, target: paths.target };
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
    private readonly width: number,
    private readonly block: Int32Array | Float32Array,
  ) {}

  async append(chunk: DuckDBDataChunk): Promise<void> {
    const { block, width } = this;
    // A chunk has at most 2,048 rows, and a block is a multiple of that.
    if ((this.#filled + chunk.rowCount) * width > block.length) await this.flush();
    for (let column = 0; column < width; column += 1) {
      const vector = chunk.getColumnVector(this.firstColumn + column);
      let at = this.#filled * width + column;
      for (let row = 0; row < chunk.rowCount; row += 1) {
        const value = vector.getItem(row);
        if (typeof value !== 'number') throw new TypeError(`Encoded column ${this.firstColumn + column} gave ${typeof value} in a row.`);
        block[at] = value;
        at += width;
      }
    }
    this.#filled += chunk.rowCount;
  }

  async flush(): Promise<void> {
    if (this.#filled === 0) return;
    const { buffer, BYTES_PER_ELEMENT } = this.block;
    const bytes = new Uint8Array(buffer, 0, this.#filled * this.width * BYTES_PER_ELEMENT);
    for (let done = 0; done < bytes.length;) done += (await this.file.write(bytes, done)).bytesWritten;
    this.#filled = 0;
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

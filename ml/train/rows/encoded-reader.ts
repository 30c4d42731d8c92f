import { type FileHandle, open } from 'node:fs/promises';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import { imageSize } from '../../../contracts/image-input.js';
import { type EncodedFiles, wrongLength } from './encoded-files.js';
import type { EncodedData } from '../engine.js';

const matrixNames = ['categorical', 'numeric', 'image', 'target'] as const;
type MatrixName = (typeof matrixNames)[number];

/** Bytes of one row of each matrix; 0 where the layout has no such columns. */
function rowSizes(layout: FeatureLayout): Record<MatrixName, number> {
  return {
    categorical: layout.categorical.length * Int32Array.BYTES_PER_ELEMENT,
    numeric: layout.numeric.length * Float32Array.BYTES_PER_ELEMENT,
    image: layout.image ? imageSize(layout.image) : 0,
    target: Float32Array.BYTES_PER_ELEMENT,
  };
}

/** Bytes of one encoded row with its target. */
export function encodedRowBytes(layout: FeatureLayout): number {
  return Object.values(rowSizes(layout)).reduce((sum, size) => sum + size, 0);
}

/** Reads ranges of rows of an encoded split, without the rest of it in memory. */
export class EncodedReader {
  private constructor(
    readonly rows: number,
    private readonly sizes: Readonly<Record<MatrixName, number>>,
    private readonly files: Readonly<Partial<Record<MatrixName, FileHandle>>>,
  ) {}

  /** @throws AnnealError `ArtifactCorrupt` when a file does not have the length that rows and layout give it */
  static async open(files: EncodedFiles, layout: FeatureLayout): Promise<EncodedReader> {
    const sizes = rowSizes(layout);
    const handles: Partial<Record<MatrixName, FileHandle>> = {};
    const reader = new EncodedReader(files.rows, sizes, handles);
    try {
      for (const name of matrixNames) {
        const path = files[name];
        if (path === undefined) continue;
        handles[name] = await open(path);
        const { size } = await handles[name].stat();
        if (size !== files.rows * sizes[name]) throw wrongLength(path, size, files.rows * sizes[name]);
      }
      return reader;
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  /** Arrays for so many rows, to be filled by `read`. */
  allocate(rows: number): EncodedData {
    const { sizes, files } = this;
    return {
      rows,
      target: new Float32Array(rows),
      ...(files.categorical ? { categorical: new Int32Array((rows * sizes.categorical) / 4) } : {}),
      ...(files.numeric ? { numeric: new Float32Array((rows * sizes.numeric) / 4) } : {}),
      ...(files.image ? { image: new Uint8Array(rows * sizes.image) } : {}),
    };
  }

  /**
   * Read the rows `from … until − 1` into `into`, the first of them to row `at`. The reading is done by other threads; calls may
   * overlap.
   */
  async read(into: EncodedData, at: number, from: number, until: number): Promise<void> {
    const parts = matrixNames.flatMap((name) => {
      const [file, array, size] = [this.files[name], into[name], this.sizes[name]];
      if (!file || !array || size === 0) return [];
      return [readFully(file, new Uint8Array(array.buffer, array.byteOffset + at * size, (until - from) * size), from * size)];
    });
    await Promise.all(parts);
  }

  /** Rows in arrays of their own. */
  async slice(from: number, until: number): Promise<EncodedData> {
    const data = this.allocate(until - from);
    await this.read(data, 0, from, until);
    return data;
  }

  /** The target of every row, shape [rows]. */
  async readTarget(): Promise<Float32Array> {
    const target = new Float32Array(this.rows);
    await readFully(this.files.target!, new Uint8Array(target.buffer), 0);
    return target;
  }

  async close(): Promise<void> {
    for (const file of Object.values(this.files)) await file.close();
  }
}

/** Linux reads at most 2 GiB in one call. */
const mostBytes = 1024 ** 3;

async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, Math.min(mostBytes, into.length - done), position + done);
    if (bytesRead === 0) throw new Error('an encoded file ends before its last row; it was cut while it was read');
    done += bytesRead;
  }
}

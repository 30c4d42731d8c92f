import { DuckDBBigIntVector, DuckDBBlobValue, DuckDBDoubleVector, type DuckDBVector } from '@duckdb/node-api';
import type { ModelInput } from '../../contracts/dataset.js';
import { imageSize } from '../../contracts/image-input.js';
import { missingTimestamp } from '../data/read/missing-timestamp.js';
import type { RawTensor } from '../data/read/raw-tensors.js';

/**
 * A column of a DuckDB chunk as the exported graph takes it; a NULL becomes the missing value of the type.
 *
 * @param vector of VARCHAR, BIGINT, DOUBLE or BLOB, as the input's type says
 * @returns a copy: DuckDB reuses a chunk's memory
 */
export function rawColumn(vector: DuckDBVector, input: ModelInput, rows: number): RawTensor {
  const { type } = input;
  const dims = [rows, 1] as const;
  switch (type) {
    case 'string':
      return { type, data: Array.from({ length: rows }, (_, row) => (vector.getItem(row) as string | null) ?? ''), dims };
    case 'int64': {
      if (!(vector instanceof DuckDBBigIntVector)) throw new Error(`expected a column of BIGINT, DuckDB gave ${vector.type.toString()}`);
      const data = new BigInt64Array(rows);
      for (let row = 0; row < rows; row++) data[row] = vector.getItem(row) ?? missingTimestamp;
      return { type, data, dims };
    }
    case 'float64': {
      if (!(vector instanceof DuckDBDoubleVector)) throw new Error(`expected a column of DOUBLE, DuckDB gave ${vector.type.toString()}`);
      const data = new Float64Array(rows);
      for (let row = 0; row < rows; row++) data[row] = vector.getItem(row) ?? Number.NaN;
      return { type, data, dims };
    }
    case 'uint8': {
      const size = imageSize(input);
      const data = new Uint8Array(rows * size);
      for (let row = 0; row < rows; row++) {
        const value = vector.getItem(row);
        if (!(value instanceof DuckDBBlobValue) || value.bytes.length !== size)
          throw new Error(`expected images of ${size} bytes in the column ${input.name}`);
        data.set(value.bytes, row * size);
      }
      return { type, data, dims: [rows, input.height, input.width, input.channels] };
    }
  }
}

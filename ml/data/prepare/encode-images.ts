import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBBlobValue } from '@duckdb/node-api';
import { type ImageInput, imageSize } from '../../../contracts/image-input.js';
import type { DataSession } from '../duckdb-session.js';
import { identifier } from '../sql-quoting.js';

/**
 * Write the images of a relation into a file, one after the other, in the order of its rows.
 *
 * @param relation name of a view with the images as BLOB
 * @param name of the file within the session's scratch directory
 * @returns path of uint8 [rows, height · width · channels]
 */
export async function encodeImages(session: DataSession, relation: string, image: ImageInput, name: string): Promise<string> {
  const path = join(session.scratch, `${name}-image`);
  const size = imageSize(image);
  const file = await open(path, 'w');
  try {
    for await (const chunk of session.chunks(`SELECT ${identifier(image.name)} AS image FROM ${relation}`)) {
      const vector = chunk.getColumnVector(0);
      const { rowCount } = chunk;
      const block = new Uint8Array(rowCount * size);
      for (let row = 0; row < rowCount; row += 1) {
        const value = vector.getItem(row);
        if (!(value instanceof DuckDBBlobValue) || value.bytes.length !== size)
          throw new TypeError(`The column "${image.name}" gave no image of ${size} bytes in a row.`);
        block.set(value.bytes, row * size);
      }
      for (let done = 0; done < block.length;) done += (await file.write(block, done)).bytesWritten;
    }
  } finally {
    await file.close();
  }
  return path;
}

import { readFileSync } from 'node:fs';
import { imageSize } from '../../../contracts/image-input.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { EncodedData } from '../engine.js';

/** Local files of an `EncodedSplit`. */
export interface EncodedFiles {
  readonly rows: number;
  readonly categorical?: string;
  readonly numeric?: string;
  readonly image?: string;
  readonly target: string;
}

/**
 * Read an encoded split; the arrays are views of the bytes as they were read, without a second copy.
 *
 * @throws AnnealError `ArtifactCorrupt` when a file does not have the length that rows and layout give it
 */
export function readEncodedFiles(files: EncodedFiles, layout: FeatureLayout): EncodedData {
  const { rows } = files;
  const data = { rows, target: readFloats(files.target, rows) };
  return {
    ...data,
    ...(files.categorical === undefined ? {} : { categorical: readIntegers(files.categorical, rows * layout.categorical.length) }),
    ...(files.numeric === undefined ? {} : { numeric: readFloats(files.numeric, rows * layout.numeric.length) }),
    ...(files.image === undefined ? {} : { image: readExactly(files.image, rows * (layout.image ? imageSize(layout.image) : 0)) }),
  };
}

function readFloats(path: string, length: number): Float32Array {
  const bytes = readExactly(path, length * Float32Array.BYTES_PER_ELEMENT);
  return new Float32Array(bytes.buffer, bytes.byteOffset, length);
}

function readIntegers(path: string, length: number): Int32Array {
  const bytes = readExactly(path, length * Int32Array.BYTES_PER_ELEMENT);
  return new Int32Array(bytes.buffer, bytes.byteOffset, length);
}

function readExactly(path: string, length: number): Uint8Array {
  const bytes = readFileSync(path);
  if (bytes.length !== length) throw wrongLength(path, bytes.length, length);
  // Small files come from Node's shared pool, at any offset.
  return bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
}

export function wrongLength(path: string, found: number, expected: number): AnnealError {
  return new AnnealError(
    failureTypes.artifactCorrupt,
    `The encoded array ${path} has ${found} bytes, expected ${expected}. The prepared data set does not fit together; delete it and run the pipeline again.`,
  );
}

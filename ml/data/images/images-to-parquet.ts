import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { BLOB, blobValue, DuckDBDataChunk, VARCHAR } from '@duckdb/node-api';
import { type DataSessionOptions, withDataSession } from '../duckdb-session.js';
import { unavailable } from '../ingest/source-file.js';
import { textLiteral } from '../sql-quoting.js';
import { decodeImage, ImageProblem } from './decode-image.js';
import { imageBytes, type ImageShape } from './image-shape.js';
import { inParallel } from './in-parallel.js';

/** Pixels that wait for DuckDB at a time. */
const batchBytes = 32 << 20;
/** What one vector of DuckDB holds. */
const chunkRows = 2048;
const maxFileBytes = 64 << 20;
// The library decodes on Node.js' own pool, which has four threads.
const decodersAtOnce = Math.min(4, Math.max(2, availableParallelism()));

export interface ImageFile {
  /** What the data set calls it. */
  readonly path: string;
  readonly label: string | null;
  /** Absolute path of the file. */
  readonly file: string;
}

export interface ImageProgress {
  readonly images: number;
  readonly problems: number;
}

export interface ImageOptions extends Pick<DataSessionOptions, 'signal' | 'memoryLimitBytes'> {
  /** Called for each batch. */
  readonly onProgress?: (progress: ImageProgress) => void;
}

interface DecodedImage {
  readonly pixels: Uint8Array | null;
  readonly problem: string | null;
}

/**
 * Decode images and write them as one Parquet file (zstd), a row each in the order of `files`: `path` VARCHAR, `label` VARCHAR,
 * `image` BLOB (uint8, row-major, height × width × channels), `problem` VARCHAR.
 *
 * A file that is empty, broken, no image, larger than 64 MiB or of more than 64 million pixels gives a row without `image`, and the
 * reason as `problem`. Some images are decoded at a time; DuckDB takes about four times the
 * pixels of all `files` while it writes, which should have room in `memoryLimitBytes`. Safe to repeat: equal files give an equal file.
 *
 * @param outPath absolute; replaced when it is there, and of no use when the call has failed
 * @throws AnnealError `SourceUnavailable` when a file is gone or may not be read; the signal's reason when aborted
 */
export async function imagesToParquet(
  files: readonly ImageFile[],
  shape: ImageShape,
  outPath: string,
  { signal, memoryLimitBytes, onProgress }: ImageOptions = {},
): Promise<{ readonly rows: number; readonly problems: number }> {
  const batchRows = Math.min(chunkRows, Math.max(1, Math.floor(batchBytes / imageBytes(shape))));
  return withDataSession({ scratchRoot: dirname(outPath), signal, memoryLimitBytes }, async (session) => {
    await session.run('CREATE TABLE images (path VARCHAR, label VARCHAR, image BLOB, problem VARCHAR)');
    let images = 0;
    let problems = 0;
    await session.append('images', async (appender) => {
      for (let from = 0; from < files.length; from += batchRows) {
        const batch = files.slice(from, from + batchRows);
        const decoded = await inParallel(batch, decodersAtOnce, ({ file, path }) => decodeFile(file, path, shape), signal);
        appender.appendDataChunk(chunkOf(batch, decoded));
        // The appender would keep a hundred thousand rows to itself before the table, which can overflow to disk, has them.
        appender.flushSync();
        images += batch.length;
        problems += decoded.filter(({ problem }) => problem !== null).length;
        onProgress?.({ images, problems });
      }
    });
    await session.run(`COPY images TO ${textLiteral(outPath)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${chunkRows})`);
    return { rows: images, problems };
  });
}

async function decodeFile(file: string, path: string, shape: ImageShape): Promise<DecodedImage> {
  const bytes = await readImage(file, path);
  if (bytes === undefined) return { pixels: null, problem: 'larger than 64 MiB' };
  try {
    return { pixels: await decodeImage(bytes, shape), problem: null };
  } catch (error) {
    if (error instanceof ImageProblem) return { pixels: null, problem: error.message };
    throw error;
  }
}

/** @returns undefined when it is too large to be an image of a data set */
async function readImage(file: string, path: string): Promise<Uint8Array | undefined> {
  try {
    if ((await stat(file)).size > maxFileBytes) return undefined;
    return await readFile(file);
  } catch (cause) {
    const { code = 'I/O error' } = cause as NodeJS.ErrnoException;
    throw unavailable(path, `the image cannot be read (${code})`, 'Check that the file is there, its permissions and the disk.', cause);
  }
}

function chunkOf(files: readonly ImageFile[], decoded: readonly DecodedImage[]): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create([VARCHAR, VARCHAR, BLOB, VARCHAR], files.length);
  chunk.setColumns([
    files.map(({ path }) => path),
    files.map(({ label }) => label),
    decoded.map(({ pixels }) => pixels && blobValue(pixels)),
    decoded.map(({ problem }) => problem),
  ]);
  return chunk;
}

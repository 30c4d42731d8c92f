import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { unavailable } from './source-file.js';

export type Compression = 'none' | 'gzip' | 'zstd';

const magicBytes: Readonly<Record<Exclude<Compression, 'none'>, readonly number[]>> = {
  gzip: [0x1f, 0x8b],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
};
const endings: readonly (readonly [RegExp, Compression])[] = [
  [/\.gz$/i, 'gzip'],
  [/\.zstd?$/i, 'zstd'],
];

/**
 * How a file is compressed, by its first bytes.
 *
 * @param wanted what the pipeline says
 * @throws AnnealError `SourceUnavailable` when the pipeline or the file's name says otherwise
 */
export async function compressionOf(uri: string, path: string, wanted: Compression | 'auto' = 'auto'): Promise<Compression> {
  const start = await firstBytes(path, 4);
  const found = (['gzip', 'zstd'] as const).find((kind) => magicBytes[kind].every((byte, i) => start[i] === byte)) ?? 'none';
  const named = endings.find(([ending]) => ending.test(uri))?.[1];
  const expected = wanted === 'auto' ? named : wanted;
  if (wanted === 'none' || expected === undefined || expected === found) return wanted === 'none' ? 'none' : found;
  throw unavailable(
    uri,
    `${wanted === 'auto' ? 'its name says' : 'source.compression says'} that it is compressed by ${expected}, and it begins like ${found === 'none' ? 'a file that is not compressed' : `one compressed by ${found}`}`,
    'Write it again, rename it, or correct source.compression.',
  );
}

async function firstBytes(path: string, count: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The content of a file, decompressed, in pieces. @throws what the decompressor throws when the file is damaged */
export async function* contentOf(path: string, compression: Compression, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const raw = createReadStream(path, { highWaterMark: 1 << 18, signal });
  if (compression === 'none') yield* raw as AsyncIterable<Buffer>;
  else if (compression === 'gzip') {
    const unzipped = createGunzip();
    raw.on('error', (error) => unzipped.destroy(error)).pipe(unzipped);
    yield* unzipped as AsyncIterable<Buffer>;
  } else yield* unzstd(raw as AsyncIterable<Buffer>);
}

async function* unzstd(raw: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  const decompressor = new Decompress((piece) => pieces.push(piece));
  for await (const piece of raw) {
    decompressor.push(piece);
    yield* pieces;
    pieces = [];
  }
  decompressor.push(new Uint8Array(0), true);
  yield* pieces;
}

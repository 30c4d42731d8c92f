import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileDigest } from '../../contracts/batch-place.js';

/** @throws what reading the file throws */
export function fileDigest(path: string, signal?: AbortSignal): Promise<FileDigest> {
  return streamDigest(createReadStream(path, { highWaterMark: 1 << 20, signal }));
}

export async function streamDigest(content: AsyncIterable<unknown>): Promise<FileDigest> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of content) {
    hash.update(piece as Uint8Array);
    sizeBytes += (piece as Uint8Array).byteLength;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

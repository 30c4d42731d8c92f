import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { unavailable } from './source-file.js';

/**
 * @returns SHA-256 in hex of a file, which may be empty
 * @throws AnnealError `SourceUnavailable` when it cannot be read; the signal's reason when aborted
 */
export async function digestOfFile(uri: string, path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(piece as Buffer);
  } catch (cause) {
    signal?.throwIfAborted();
    const { code = 'I/O error' } = cause as NodeJS.ErrnoException;
    throw unavailable(uri, `the image cannot be read (${code})`, 'Check that the file is there, its permissions and the disk.', cause);
  }
  return hash.digest('hex');
}

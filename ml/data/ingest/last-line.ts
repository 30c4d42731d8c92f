import { open } from 'node:fs/promises';
import { unavailable } from './source-file.js';
import { type Compression, contentOf } from './compression.js';

/** What DuckDB takes for the longest line that somebody meant. */
const maxLineBytes = 2_000_000;
/** DuckDB reads so much at a time, and leaves a longer line out without a word where the file ends in it. */
const readBytes = 16 * maxLineBytes;

/**
 * See that a delimited file does not end in a line so long that DuckDB would overlook it; one further up is an error of its own.
 *
 * Of a plain file the end is looked at, a compressed one is decompressed to its end.
 *
 * @throws AnnealError `SourceUnavailable`; what the decompressor throws when the file is damaged
 */
export async function assertLastLineIsRead(uri: string, path: string, compression: Compression, signal?: AbortSignal): Promise<void> {
  const isLong = compression === 'none' ? await endsInLongLine(path) : (await lengthOfLastLine(path, compression, signal)) > maxLineBytes;
  if (!isLong) return;
  throw unavailable(
    uri,
    `its last line is longer than ${maxLineBytes.toLocaleString('en')} bytes`,
    'It is probably no line end that was meant, or what a program left behind when it was interrupted: correct the end of the file.',
  );
}

async function endsInLongLine(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size <= readBytes) return false;
    const { buffer } = await file.read(Buffer.alloc(maxLineBytes), 0, maxLineBytes, size - maxLineBytes);
    return lastLineEnd(buffer) < 0;
  } finally {
    await file.close();
  }
}

async function lengthOfLastLine(path: string, compression: Compression, signal?: AbortSignal): Promise<number> {
  let length = 0;
  for await (const piece of contentOf(path, compression, signal)) {
    const end = lastLineEnd(piece);
    length = end < 0 ? length + piece.length : piece.length - end - 1;
  }
  return length;
}

function lastLineEnd(bytes: Uint8Array): number {
  return Math.max(bytes.lastIndexOf(0x0a), bytes.lastIndexOf(0x0d));
}

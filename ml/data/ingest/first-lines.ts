import { unavailable } from './source-file.js';
import { type Compression, contentOf } from './compression.js';
import { foreignContent } from './foreign-content.js';

/** More than any header has. */
const enoughBytes = 1 << 20;

export interface FirstLines {
  /** Without their ends, and without a byte order mark. */
  readonly lines: readonly string[];
  /** Whether lines end by `\r` alone, as they did long ago. */
  readonly hasBareReturns: boolean;
}

/**
 * The lines at the beginning of a UTF-8 file, about a megabyte of them.
 *
 * @throws AnnealError `SourceUnavailable` when the file is no text, or the first line is not UTF-8; what the decompressor throws when the file is damaged
 */
export async function firstLines(uri: string, path: string, compression: Compression, signal?: AbortSignal): Promise<FirstLines> {
  // Bytes that are wrong further on are found, with their line, when all is read.
  const decoder = new TextDecoder('utf-8');
  let text = '';
  let bytes = 0;
  for await (const piece of contentOf(path, compression, signal)) {
    const foreign = bytes === 0 ? foreignContent(piece) : undefined;
    if (foreign) throw unavailable(uri, foreign.what, foreign.wayOut);
    text += decoder.decode(piece, { stream: true });
    bytes += piece.byteLength;
    if (bytes >= enoughBytes) break;
  }
  const lines = text.split(/\r\n|\n|\r/);
  if (lines[0].includes('\0'))
    throw unavailable(
      uri,
      'its first line has NUL characters',
      'It is probably no text, or in another encoding: set source.encoding, or write the file again.',
    );
  if (lines[0].includes('\uFFFD'))
    throw unavailable(
      uri,
      'line 1 is not utf-8',
      'Set source.encoding, for example to "windows-1252" or "latin-1", or write the file as UTF-8.',
    );
  return { lines, hasBareReturns: /\r(?!\n)/.test(text.slice(0, -1)) && !text.includes('\n') };
}

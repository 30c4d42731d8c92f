import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { unavailable } from './source-file.js';
import { type Compression, contentOf } from './compression.js';

export interface TextFile {
  readonly uri: string;
  readonly path: string;
  readonly compression: Compression;
  readonly encoding: string;
  /** Lines at the beginning that are left out. */
  readonly skipRows: number;
}

/**
 * Write a text file as plain UTF-8 without its first lines, as a stream.
 *
 * @param outPath replaced when it is there
 * @throws AnnealError `SourceUnavailable` when the encoding is not known, or the content is not of it: with the byte;
 *   the signal's reason when aborted
 */
export async function decodeText(file: TextFile, outPath: string, signal?: AbortSignal): Promise<void> {
  const { path, compression } = file;
  await pipeline(
    Readable.from(withoutLines(decoded(file, contentOf(path, compression, signal)), file.skipRows)),
    createWriteStream(outPath),
    { signal },
  );
}

export function isUtf8(encoding: string): boolean {
  return /^(utf-?8|unicode-1-1-utf-8)$/i.test(encoding);
}

interface Decoder {
  decode(piece?: Uint8Array, options?: { readonly stream: boolean }): string;
}

async function* decoded({ uri, encoding }: TextFile, content: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: Decoder | undefined;
  let done = 0;
  for await (const piece of content) {
    decoder ??= decoderOf(uri, encoding, piece);
    try {
      yield decoder.decode(piece, { stream: true });
    } catch (cause) {
      throw wrongEncoding(uri, encoding, `between the bytes ${done + 1} and ${done + piece.byteLength}`, cause);
    }
    done += piece.byteLength;
  }
  try {
    yield decoder?.decode() ?? '';
  } catch (cause) {
    throw wrongEncoding(uri, encoding, 'at its end', cause);
  }
}

function decoderOf(uri: string, encoding: string, start: Uint8Array): Decoder {
  if (start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf && !isUtf8(encoding))
    throw unavailable(uri, `it begins with the mark of utf-8, and source.encoding says "${encoding}"`, 'Leave source.encoding out.');
  // To the standard "latin1" is a name of windows-1252; here it is what Python and databases mean by it.
  if (/^(latin-?1|iso-?8859-1)$/i.test(encoding)) return { decode: (piece) => (piece ? Buffer.from(piece).toString('latin1') : '') };
  const isUtf16 = /^utf-?16$/i.test(encoding);
  const label = !isUtf16 ? encoding : start[0] === 0xfe && start[1] === 0xff ? 'utf-16be' : 'utf-16le';
  try {
    return new TextDecoder(label, { fatal: true });
  } catch (cause) {
    throw unavailable(
      uri,
      `the encoding "${encoding}" is not known`,
      'Give a label of the WHATWG Encoding Standard in source.encoding, for example "windows-1252", "utf-16" or "shift_jis", or "latin-1".',
      cause,
    );
  }
}

function wrongEncoding(uri: string, encoding: string, where: string, cause: unknown): Error {
  return unavailable(uri, `it is not ${encoding}: ${where} it has bytes that mean nothing there`, 'Correct source.encoding.', cause);
}

async function* withoutLines(text: AsyncIterable<string>, count: number): AsyncGenerator<string> {
  let left = count;
  let endsInReturn = false;
  for await (const piece of text) {
    let at = 0;
    // A line end of two characters may be cut in two.
    if (endsInReturn && left === 0 && piece.startsWith('\n')) at = 1;
    endsInReturn = false;
    while (left > 0 && at < piece.length) {
      const end = /\r\n|\n|\r/g;
      end.lastIndex = at;
      const found = end.exec(piece);
      if (!found) {
        at = piece.length;
        break;
      }
      at = end.lastIndex;
      left--;
      endsInReturn = found[0] === '\r' && at === piece.length;
    }
    if (at < piece.length) yield piece.slice(at);
  }
}

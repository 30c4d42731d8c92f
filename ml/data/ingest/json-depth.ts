import { unavailable } from './source-file.js';
import { type Compression, contentOf } from './compression.js';

/** Deeper than any table; DuckDB's reader calls itself for each level and, some thousands deep, ends the process. */
const maxDepth = 100;

const quote = 0x22;
const backslash = 0x5c;
const lineEnd = 0x0a;

/**
 * See that the values of a JSON file are not nested so deeply that reading them would overflow the stack.
 *
 * Looks at every byte once, without taking the values apart: what is no JSON at all is for the reader to say.
 *
 * @param isLines whether each line is a value of its own, so that a broken one says nothing of the next
 * @throws AnnealError `SourceUnavailable` with the line; what the decompressor throws when the file is damaged
 */
export async function assertShallow(
  uri: string,
  path: string,
  compression: Compression,
  isLines: boolean,
  signal?: AbortSignal,
): Promise<void> {
  let line = 1;
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  for await (const piece of contentOf(path, compression, signal)) {
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at];
      if (byte === lineEnd) {
        line++;
        if (isLines) {
          depth = 0;
          isText = false;
        }
      }
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isText = false;
        // Of the rest the brackets alone matter: [ ] { }, which differ from each other in few bits.
      } else if (byte === quote) isText = true;
      else if ((byte | 0x20) === 0x7b) {
        if (++depth > maxDepth) throw tooDeep(uri, line);
      } else if ((byte | 0x20) === 0x7d) depth--;
    }
  }
}

function tooDeep(uri: string, line: number): Error {
  return unavailable(
    uri,
    `line ${line} has a value that is nested more than ${maxDepth} deep`,
    'Write the file with values of few levels: a column is a number, a text, or a list of numbers.',
  );
}

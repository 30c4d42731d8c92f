import { murmurHashOfBytes } from './murmur-hash.js';

/** Which ASCII characters belong to words: letters and digits. */
const isWordCode = Uint8Array.from({ length: 0x80 }, (_, code) => Number(/[0-9A-Za-z]/.test(String.fromCharCode(code))));
/** The UTF-8 bytes of the word that is read. */
let bytes = new Uint8Array(1024);

/**
 * The hashes of a text's words, in their order.
 *
 * A word is a run of ASCII letters, ASCII digits and characters beyond ASCII; all other ASCII characters separate. Its hash is
 * that of its UTF-8 bytes, which are written down as the text is read, so that no word becomes a string of its own.
 *
 * @param lowercase whether A to Z become a to z
 * @param hashes where they go
 * @returns how many there are; at most the length of `hashes`
 */
export function wordHashes(text: string, lowercase: boolean, hashes: Uint32Array): number {
  if (bytes.length < 3 * text.length) bytes = new Uint8Array(2 ** Math.ceil(Math.log2(3 * text.length)));
  let found = 0;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) {
      length = writeCharacter(text, i, code, length);
      // The second half of a pair has been written with the first.
      if (isPair(code, text.charCodeAt(i + 1))) i++;
    } else if (isWordCode[code] === 1) bytes[length++] = lowercase && code >= 65 && code <= 90 ? code + 32 : code;
    else if (length > 0) {
      hashes[found++] = murmurHashOfBytes(bytes, length);
      if (found === hashes.length) return found;
      length = 0;
    }
  }
  if (length > 0) hashes[found++] = murmurHashOfBytes(bytes, length);
  return found;
}

function isPair(high: number, low: number): boolean {
  return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}

/** As `TextEncoder` writes: half of a pair alone becomes U+FFFD. @returns the length of the word with it */
function writeCharacter(text: string, at: number, code: number, from: number): number {
  let length = from;
  if (code < 0x800) {
    bytes[length++] = 0xc0 | (code >> 6);
  } else if (isPair(code, text.charCodeAt(at + 1))) {
    const point = text.codePointAt(at)!;
    bytes[length++] = 0xf0 | (point >> 18);
    bytes[length++] = 0x80 | ((point >> 12) & 0x3f);
    bytes[length++] = 0x80 | ((point >> 6) & 0x3f);
    bytes[length++] = 0x80 | (point & 0x3f);
    return length;
  } else {
    const whole = code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
    bytes[length++] = 0xe0 | (whole >> 12);
    bytes[length++] = 0x80 | ((whole >> 6) & 0x3f);
    bytes[length++] = 0x80 | (whole & 0x3f);
    return length;
  }
  bytes[length++] = 0x80 | (code & 0x3f);
  return length;
}

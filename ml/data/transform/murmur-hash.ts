const encoder = new TextEncoder();
let buffer = new Uint8Array(1024);

/**
 * MurmurHash3 of a text's UTF-8 bytes: x86, 32 bits, seed 0.
 *
 * The twin of the graph's `com.microsoft.MurmurHash3`.
 *
 * @returns an integer in [0, 2³²)
 * @see Austin Appleby, MurmurHash3
 */
export function murmurHash(text: string): number {
  if (buffer.length < 3 * text.length) buffer = new Uint8Array(2 ** Math.ceil(Math.log2(3 * text.length)));
  return murmurHashOfBytes(buffer, encoder.encodeInto(text, buffer).written);
}

/** @param length how many of the bytes to hash */
export function murmurHashOfBytes(bytes: Uint8Array, length: number): number {
  let hash = 0;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    hash ^= mixed(bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = length - 1; at >= whole; at -= 1) tail = (tail << 8) | bytes[at];
  hash ^= mixed(tail) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixed(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

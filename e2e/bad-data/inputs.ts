import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** A committed file whose bytes matter. */
export function input(name: string): Uint8Array {
  return readFileSync(new URL(`inputs/${name}`, import.meta.url));
}

/** So many megabytes of zeros in a thousandth of that: gzip files one after the other are one file. */
export function zerosCompressed(megabytes: number): Uint8Array {
  const piece = gzipSync(new Uint8Array(64 << 20));
  return Buffer.concat(Array.from({ length: megabytes / 64 }, () => piece));
}

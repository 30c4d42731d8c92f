import { murmurHash, murmurHashOfBytes } from './murmur-hash.js';

/** What `anneal_text` reads from its second argument. */
export interface TextParameters {
  readonly buckets: number;
  readonly ngrams: 1 | 2;
  readonly lowercase: boolean;
  readonly maxTokens: number;
  readonly inverseDocumentFrequency?: readonly number[];
}

/** Hashes of words seen lately: texts repeat their words. */
const knownHashes = new Map<string, number>();
const mostKnownHashes = 100_000;
const pair = new DataView(new ArrayBuffer(8));
const pairBytes = new Uint8Array(pair.buffer);

/**
 * The buckets of a text's words and pairs of neighbouring words, one entry an occurrence.
 *
 * A word is a run of ASCII letters, ASCII digits and characters beyond ASCII; all other ASCII characters separate. A word's
 * hash is `murmurHash`, a pair's that of eight bytes: the second word's hash, then the first one's halved, both little-endian.
 */
export function textBuckets(text: string, { buckets, ngrams, lowercase, maxTokens }: TextParameters): number[] {
  const cased = lowercase ? asciiLowerCase(text) : text;
  const words = cased.split(/[\0-/:-@[-`{-\x7f]+/).filter((word) => word !== '');
  const hashes = words.slice(0, maxTokens).map(knownHash);
  const found = hashes.map((hash) => hash % buckets);
  for (let i = 1; ngrams === 2 && i < hashes.length; i += 1) {
    pair.setUint32(0, hashes[i], true);
    pair.setUint32(4, hashes[i - 1] >>> 1, true);
    found.push(murmurHashOfBytes(pairBytes, 8) % buckets);
  }
  return found;
}

function asciiLowerCase(text: string): string {
  return /[^\0-\x7f]/.test(text) ? text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text.toLowerCase();
}

function knownHash(word: string): number {
  const known = knownHashes.get(word);
  if (known !== undefined) return known;
  if (knownHashes.size >= mostKnownHashes) knownHashes.clear();
  const hash = murmurHash(word);
  knownHashes.set(word, hash);
  return hash;
}

/** @returns float32 [buckets]: counts times weights, divided by their Euclidean length; zeros for a text without words */
export function textVector(text: string, parameters: TextParameters): Float32Array {
  const found = textBuckets(text, parameters);
  const counts = new Map<number, number>();
  for (const bucket of found) counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  const weighted = [...counts].map(([bucket, count]) => [bucket, count * (parameters.inverseDocumentFrequency?.[bucket] ?? 1)] as const);
  const length = Math.sqrt(weighted.reduce((sum, [, value]) => sum + value * value, 0));
  const vector = new Float32Array(parameters.buckets);
  // Most buckets of a text are empty, and stay as they are.
  for (const [bucket, value] of weighted) vector[bucket] = value / length;
  return vector;
}

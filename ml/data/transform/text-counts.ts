import { murmurHashOfBytes } from './murmur-hash.js';
import { wordHashes } from './word-hashes.js';

/** What `anneal_text` reads from its second argument. */
export interface TextParameters {
  readonly buckets: number;
  readonly ngrams: 1 | 2;
  readonly lowercase: boolean;
  readonly maxTokens: number;
  readonly inverseDocumentFrequency?: readonly number[];
}

const pair = new DataView(new ArrayBuffer(8));
const pairBytes = new Uint8Array(pair.buffer);
let hashes = new Uint32Array(256);
/** How often each bucket occurs in the text that is read; zeros between texts. */
let counts = new Float64Array(256);
/** The buckets that occur, in the order of their first words. */
let touched = new Uint32Array(512);

/**
 * Visit the buckets of a text's words and pairs of neighbouring words, once for each occurrence.
 *
 * Words are those of `wordHashes`; a pair's hash is that of eight bytes: the second word's hash, then the first one's halved,
 * both little-endian.
 */
function eachBucket(text: string, { buckets, ngrams, lowercase, maxTokens }: TextParameters, visit: (bucket: number) => void): void {
  if (hashes.length !== maxTokens) hashes = new Uint32Array(maxTokens);
  const words = wordHashes(text, lowercase, hashes);
  for (let i = 0; i < words; i += 1) visit(hashes[i] % buckets);
  for (let i = 1; ngrams === 2 && i < words; i += 1) {
    pair.setUint32(0, hashes[i], true);
    pair.setUint32(4, hashes[i - 1] >>> 1, true);
    visit(murmurHashOfBytes(pairBytes, 8) % buckets);
  }
}

/** Count for each bucket the texts that have it. */
export class TextFrequencies {
  readonly texts: Float64Array;
  /** The last text that was seen to have a bucket, from 1. */
  readonly #seenIn: Float64Array;
  #text = 0;

  constructor(private readonly parameters: TextParameters) {
    this.texts = new Float64Array(parameters.buckets);
    this.#seenIn = new Float64Array(parameters.buckets);
  }

  add(text: string): void {
    const number = ++this.#text;
    eachBucket(text, this.parameters, (bucket) => {
      if (this.#seenIn[bucket] === number) return;
      this.#seenIn[bucket] = number;
      this.texts[bucket] += 1;
    });
  }
}

/**
 * Counts of a text's buckets times their weights, divided by their Euclidean length; zeros for a text without words.
 *
 * @param vector zeros [buckets]: where they go
 */
export function textVector(text: string, parameters: TextParameters, vector: Float32Array): void {
  const { buckets, maxTokens, inverseDocumentFrequency } = parameters;
  if (counts.length < buckets) counts = new Float64Array(buckets);
  if (touched.length < 2 * maxTokens) touched = new Uint32Array(2 * maxTokens);
  let different = 0;
  eachBucket(text, parameters, (bucket) => {
    if (counts[bucket] === 0) touched[different++] = bucket;
    counts[bucket] += 1;
  });
  let squares = 0;
  for (let i = 0; i < different; i += 1) {
    const bucket = touched[i];
    counts[bucket] *= inverseDocumentFrequency?.[bucket] ?? 1;
    squares += counts[bucket] * counts[bucket];
  }
  const length = Math.sqrt(squares);
  // Most buckets of a text are empty, and stay as they are.
  for (let i = 0; i < different; i += 1) {
    const bucket = touched[i];
    vector[bucket] = counts[bucket] / length;
    counts[bucket] = 0;
  }
}

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { murmurHash } from './murmur-hash.js';
import { wordHashes } from './word-hashes.js';

/** The same by a regular expression, and by the platform's encoder. */
function expected(text: string, lowercase: boolean, most: number): number[] {
  const cased = lowercase ? text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
  const words = cased.split(/[\0-/:-@[-`{-\x7f]+/).filter((word) => word !== '');
  return words.slice(0, most).map(murmurHash);
}

const unit = fc.oneof(
  fc.constantFrom('a', 'Z', '0', ' ', '_', '-', 'é', 'ß', '語', '😀', '\ud800', '\udc00', 'İ', '\0', '\x7f', '\u0080', '\uffff'),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
);

describe('wordHashes', () => {
  it('hashes the words that a regular expression finds, whatever characters they are of', () => {
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 60 }), fc.boolean(), fc.integer({ min: 1, max: 8 }), (units, lowercase, most) => {
        const hashes = new Uint32Array(most);
        const found = wordHashes(units.join(''), lowercase, hashes);
        expect([...hashes.subarray(0, found)]).toEqual(expected(units.join(''), lowercase, most));
      }),
      { numRuns: 2000 },
    );
  });
});

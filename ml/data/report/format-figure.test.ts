import { expect, test } from '@jest/globals';
import { size } from './format-figure.js';

test.each([
  [0, '0 B'],
  [999.6, '1.00 kB'],
  [1536, '1.54 kB'],
  [999_499, '999 kB'],
  [999_900, '1.00 MB'],
  [171_000_000, '171 MB'],
])('%d bytes are %s', (bytes, text) => {
  expect(size(bytes)).toBe(text);
});

import { describe, expect, it } from '@jest/globals';
import { similarName } from './similar-name.js';

describe('similarName', () => {
  it.each([
    ['modell', 'model'],
    ['Features', 'features'],
    ['taget', 'target'],
    ['colour', undefined],
    ['gat', 'gates'],
    ['x', undefined],
  ])('of "%s" is %s', (given, meant) => {
    expect(similarName(given, ['model', 'features', 'target', 'gates', 'data'])).toBe(meant);
  });
});

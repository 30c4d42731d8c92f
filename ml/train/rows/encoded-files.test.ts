import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readEncodedFiles } from './encoded-files.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-encoded-'));
  const write = (name: string, array: Int32Array | Float32Array): void => writeFileSync(join(root, name), new Uint8Array(array.buffer));
  write('categorical', Int32Array.of(1, -2, 3, 4, 5, 6));
  write('numeric', Float32Array.of(0.5, Number.NaN, -1));
  write('target', Float32Array.of(0, 1, 1));
});
afterAll(() => rmSync(root, { recursive: true }));

const layout = { categorical: ['a', 'b'].map((name) => ({ name, size: 9, dimension: 'auto' as const })), numeric: ['c'] };

describe('readEncodedFiles', () => {
  it('reads the arrays as they were written', () => {
    const path = (name: string): string => join(root, name);
    const data = readEncodedFiles({ rows: 3, categorical: path('categorical'), numeric: path('numeric'), target: path('target') }, layout);
    expect([...data.categorical!]).toEqual([1, -2, 3, 4, 5, 6]);
    expect([...data.numeric!]).toEqual([0.5, Number.NaN, -1]);
    expect([...data.target]).toEqual([0, 1, 1]);
  });

  it('leaves a matrix out that the split does not have', () => {
    const data = readEncodedFiles({ rows: 3, target: join(root, 'target') }, { categorical: [], numeric: [] });
    expect(Object.keys(data)).toEqual(['rows', 'target']);
  });

  it('refuses a file of another length than rows and layout give', () => {
    const files = { rows: 3, numeric: join(root, 'categorical'), target: join(root, 'target') };
    expect(() => readEncodedFiles(files, { categorical: [], numeric: ['c'] })).toThrow(
      expect.objectContaining({ type: 'ArtifactCorrupt', message: expect.stringContaining('has 24 bytes, expected 12') }),
    );
  });
});

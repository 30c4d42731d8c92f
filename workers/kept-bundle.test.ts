import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keptBundle } from './kept-bundle.js';

let folder: string;
let made: number;
const make = (): Promise<{ code: string }> => Promise.resolve({ code: `bundle ${++made}` });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-bundles-'));
  made = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('keptBundle', () => {
  it('makes a bundle of each kind once for the same sources', async () => {
    expect(await keptBundle('plain', make, folder)).toBe('bundle 1');
    expect(await keptBundle('plain', make, folder)).toBe('bundle 1');
    expect(await keptBundle('traced', make, folder)).toBe('bundle 2');
    expect(await keptBundle('plain', make, folder)).toBe('bundle 1');
  });

  it('removes what other sources were made to, and nothing of another kind', async () => {
    writeFileSync(join(folder, 'plain-0.js'), '');
    writeFileSync(join(folder, 'traced-0.js'), '');
    await keptBundle('plain', make, folder);
    expect(readdirSync(folder).sort()).toEqual([expect.stringMatching(/^plain-[0-9a-f]{24}\.js$/), 'traced-0.js']);
  });

  it('does without a folder that it can write to', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await keptBundle('plain', make, file)).toBe('bundle 1');
    expect(await keptBundle('plain', make, file)).toBe('bundle 2');
  });

  it('keeps nothing of a bundle that could not be made', async () => {
    const failing = () => Promise.reject(new Error('no valid TypeScript'));
    await expect(keptBundle('plain', failing, folder)).rejects.toThrow('no valid TypeScript');
    expect(await keptBundle('plain', make, folder)).toBe('bundle 1');
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { bundleModule } from './bundle-module.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function textOf(path: string): Promise<string> {
  return Buffer.from(await bundleModule('./net.ts', path)).toString('utf8');
}

describe('bundleModule', () => {
  test('takes relative imports in and leaves TensorFlow.js outside', async () => {
    file('parts/width.ts', 'export const width: number = 77;');
    const text = await textOf(
      file(
        'net.ts',
        "import { layers } from '@tensorflow/tfjs-layers'; import { width } from './parts/width.js'; export default () => [layers, width];",
      ),
    );
    expect(text).toContain('var width = 77');
    expect(text).toContain('from "anneal:tfjs-layers"');
    expect(text.split('//# sourceMappingURL')[0].length).toBeLessThan(500);
  });

  test('gives the same bytes for the same files in another place', async () => {
    const text = "import { half } from './half.js'; export default () => half;";
    const paths = ['a', 'deeper/b'].map((place) => {
      file(`${place}/half.ts`, 'export const half = 0.5;');
      return file(`${place}/net.ts`, text);
    });
    expect(await textOf(paths[0])).toBe(await textOf(paths[1]));
  });

  test.each([
    ['export const a = 1;', 'has no default export'],
    ['export default (', 'could not be bundled: Unexpected end of file (net.ts:1)'],
    ["import './gone.js'; export default 1", 'Could not resolve "./gone.js"'],
    ["import fs from 'node:fs'; export default () => fs", 'it imports "node:fs" of Node.js'],
    ["import fs from 'fs'; export default () => fs", 'it imports "fs" of Node.js'],
    ["import '@tensorflow/tfjs-node'; export default 1", 'it imports "@tensorflow/tfjs-node"; a model needs'],
    [`export default () => '${'x'.repeat(1_100_000)}'`, 'Expected at most 1048576'],
  ])('refuses %.60s', async (text, message) => {
    const bundling = bundleModule('./net.ts', file('net.ts', text));
    await expect(bundling).rejects.toMatchObject({ type: 'InvalidModel' });
    await expect(bundling).rejects.toThrow(message);
  });

  test('says which file is missing', async () => {
    await expect(bundleModule('./net.ts', join(folder, 'net.ts'))).rejects.toThrow('./net.ts is not there');
  });
});

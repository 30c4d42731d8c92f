import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeVersion, sourcesDigest } from './code-version.js';

describe('codeVersion', () => {
  it('names what decides the bits of a training', () => {
    expect(codeVersion).toMatch(/^anneal \d+\.\d+\.\d+ \([0-9a-f]{12}\), onnxruntime-node \d+\.\d+\.\d+, tfjs \d+\.\d+\.\d+$/);
  });
});

describe('sourcesDigest', () => {
  const root = mkdtempSync(join(tmpdir(), 'anneal-sources-'));
  const write = (path: string, text: string) => writeFileSync(join(root, path), text);
  const digest = () => sourcesDigest(root, ['graph', 'train']);
  beforeAll(() => {
    for (const folder of ['graph/lowering', 'train']) mkdirSync(join(root, folder), { recursive: true });
    write('graph/lowering/add.ts', 'a');
    write('train/loss.ts', 'b');
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('changes with a source, with its name, and back with it', () => {
    const first = digest();
    write('graph/lowering/add.ts', 'c');
    expect(digest()).not.toBe(first);
    write('graph/lowering/add.ts', 'a');
    expect(digest()).toBe(first);
    write('graph/lowering/other.ts', '');
    expect(digest()).not.toBe(first);
    rmSync(join(root, 'graph/lowering/other.ts'));
  });

  it('does not change with a test or a note', () => {
    const first = digest();
    write('train/loss.test.ts', 'x');
    write('train/README.md', 'x');
    expect(digest()).toBe(first);
  });
});

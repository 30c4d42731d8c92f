import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sourcesDigest } from './sources-digest.js';

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

import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { makeWritable } from './writable-folder.js';

describe('makeWritable', () => {
  const root = mkdtempSync(join(tmpdir(), 'anneal-writable-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('makes the folder, and leaves nothing in it', async () => {
    const directory = join(root, 'inference', 'host');
    await makeWritable(directory);
    await makeWritable(directory);
    expect(readdirSync(directory)).toEqual([]);
    expect(readdirSync(root)).toEqual(['inference']);
  });

  it('says why it cannot be written, and what to do', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(makeWritable(join(root, 'file', 'host'))).rejects.toThrow(
      `in ${join(root, 'file', 'host')} and cannot write there: a part of the path is a file (ENOTDIR). Mend that, or set ANNEAL_HOME`,
    );
  });

  // What Linux itself mounts read-only for everybody, root included.
  const readOnly = '/proc/self';
  const onlyLinux = existsSync(readOnly) ? it : it.skip;
  onlyLinux('is not misled by a place where nothing can be made', async () => {
    await expect(makeWritable(join(readOnly, 'host'))).rejects.toThrow(/cannot write there: .*ANNEAL_HOME/);
  });
});

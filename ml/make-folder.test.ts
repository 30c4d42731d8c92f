import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeFolder } from './make-folder.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-make-folder-'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('makeFolder', () => {
  it('makes a folder with its parents, again, and by several at once', async () => {
    const path = join(root, 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
    await makeFolder(path);
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it('takes a link to a folder for one', async () => {
    symlinkSync(root, join(root, 'link'));
    await makeFolder(join(root, 'link'));
    await makeFolder(join(root, 'link', 'behind'));
    expect(statSync(join(root, 'behind')).isDirectory()).toBe(true);
  });

  it('refuses a path with a file in it, in the words of the system', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(root, 'file', 'below', 'it'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  (process.getuid?.() === 0 ? it.skip : it)('refuses a folder that this user may not make', async () => {
    chmodSync(root, 0o555);
    try {
      await expect(makeFolder(join(root, 'mine', 'too'))).rejects.toMatchObject({ code: 'EACCES' });
    } finally {
      chmodSync(root, 0o755);
    }
  });

  (process.platform === 'linux' ? it : it.skip)('returns where a file system takes no folders, with that as the reason', async () => {
    for (const path of ['/proc/anneal', '/proc/anneal/deep/below']) {
      await expect(makeFolder(path)).rejects.toMatchObject({
        code: 'ENOENT',
        message: "ENOENT: the file system takes no new folder in /proc, mkdir '/proc/anneal'. Name a folder elsewhere.",
      });
    }
  });
});

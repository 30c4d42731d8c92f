import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { stampOf } from '../../serving/loader/verified-file.js';
import { FileDigests } from './file-digests.js';

describe('FileDigests', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-digests-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('hashes files of any size, tells which are not there, and fails for what is no file', async () => {
    const digests = new FileDigests();
    const contents = [new Uint8Array(0), new Uint8Array(1000).fill(7), new Uint8Array((3 << 20) + 5).map((_, i) => i % 251)];
    const paths = contents.map((bytes, i) => {
      const path = join(directory, String(i));
      writeFileSync(path, bytes);
      return path;
    });
    const found = await Promise.all(paths.map((path) => digests.digest(path)));
    expect(found.map((digest) => digest?.sha256)).toEqual(contents.map((bytes) => createHash('sha256').update(bytes).digest('hex')));
    expect(await digests.digest(join(directory, 'absent'))).toBeUndefined();
    await expect(digests.digest(directory)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('copies what it hashes, over what is there', async () => {
    const digests = new FileDigests();
    const content = new Uint8Array((2 << 20) + 3).map((_, i) => i % 253);
    const [from, to] = [join(directory, 'from'), join(directory, 'to')];
    writeFileSync(from, content);
    writeFileSync(to, new Uint8Array(5 << 20));
    const copied = await digests.copy(from, to);
    expect(copied?.sha256).toBe(createHash('sha256').update(content).digest('hex'));
    expect(copied?.hashed.stamp).toBe(stampOf(statSync(to, { bigint: true })));
    expect(readFileSync(to).equals(content)).toBe(true);
    expect(await digests.copy(join(directory, 'absent'), to)).toBeUndefined();
    await expect(digests.copy(from, join(directory, 'no', 'folder'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('deletes a file, and minds none that is not there', async () => {
    const digests = new FileDigests();
    const path = join(directory, 'unused');
    writeFileSync(path, 'unused');
    await digests.remove(path);
    expect(existsSync(path)).toBe(false);
    await digests.remove(path);
    await expect(digests.remove(directory)).rejects.toMatchObject({ code: expect.stringMatching(/EISDIR|EPERM/) });
  });
});

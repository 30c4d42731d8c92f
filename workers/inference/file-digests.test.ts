import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
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
    const found = await Promise.all(paths.map((path) => digests.sha256(path)));
    expect(found).toEqual(contents.map((bytes) => createHash('sha256').update(bytes).digest('hex')));
    expect(await digests.sha256(join(directory, 'absent'))).toBeUndefined();
    await expect(digests.sha256(directory)).rejects.toMatchObject({ code: 'EISDIR' });
  });
});

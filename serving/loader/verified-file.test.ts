import { createHash } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { checkVerified, hashNew, readVerified, readVerifiedBesideRequests, stampOf, type LocalFile } from './verified-file.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-verified-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const path = join(directory, 'file');
const content = new Uint8Array((2 << 20) + 7).map((_, i) => i % 251);
const sha256 = createHash('sha256').update(content).digest('hex');
/** Of no content at all: a file that counts as this one was not hashed. */
const never = '0'.repeat(64);
const stamp = (): string => stampOf(statSync(path, { bigint: true }));

describe.each([
  ['readVerified', async (file: LocalFile) => readVerified('weights', file)],
  ['readVerifiedBesideRequests', (file: LocalFile) => readVerifiedBesideRequests('weights', file)],
])('%s', (_name, read) => {
  beforeEach(() => writeFileSync(path, content));

  it('gives the bytes of a file with the expected digest, at the beginning of a buffer', async () => {
    const bytes = await read({ path, sha256 });
    expect(Buffer.from(bytes).equals(content)).toBe(true);
    expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, content.byteLength]);
  });

  it('refuses another content, naming both digests', async () => {
    await expect(read({ path, sha256: never })).rejects.toThrow(new RegExp(`weights has the SHA-256 ${sha256}, expected ${never}`));
  });

  it('does not hash again what was hashed just now, also under another name', async () => {
    const hashed = { stamp: stamp(), atMs: Date.now() };
    const renamed = join(directory, 'renamed');
    renameSync(path, renamed);
    expect(await read({ path: renamed, sha256: never, hashed })).toHaveLength(content.byteLength);
  });

  it('hashes what was written to since, replaced, or hashed long ago, and what is small', async () => {
    const hashed = { stamp: stamp(), atMs: Date.now() };
    await expect(read({ path, sha256: never, hashed: { ...hashed, atMs: Date.now() - 61_000 } })).rejects.toThrow('SHA-256');
    utimesSync(path, new Date(), new Date(Date.now() + 5));
    await expect(read({ path, sha256: never, hashed })).rejects.toThrow('SHA-256');
    rmSync(path);
    writeFileSync(path, content);
    await expect(read({ path, sha256: never, hashed })).rejects.toThrow('SHA-256');
    truncateSync(path, 1000);
    await expect(read({ path, sha256: never, hashed: { stamp: stamp(), atMs: Date.now() } })).rejects.toThrow('SHA-256');
  });

  it('says which file cannot be read', async () => {
    await expect(read({ path: join(directory, 'absent'), sha256 })).rejects.toThrow(/file of its weights cannot be read .*ENOENT/);
  });
});

describe('checkVerified', () => {
  beforeEach(() => writeFileSync(path, content));

  it('takes a file with the expected digest, and one that was hashed just now as it is', () => {
    expect(checkVerified('weights', { path, sha256 })).not.toThrow();
    expect(checkVerified('weights', { path, sha256: never, hashed: { stamp: stamp(), atMs: Date.now() } })).not.toThrow();
  });

  it('refuses another content, a file that is not there, and what was hashed long ago and is another', () => {
    expect(() => checkVerified('weights', { path, sha256: never })).toThrow(`weights has the SHA-256 ${sha256}, expected ${never}`);
    expect(() => checkVerified('weights', { path: join(directory, 'absent'), sha256 })).toThrow(/cannot be read .*ENOENT/);
    const hashed = { stamp: stamp(), atMs: Date.now() - 61_000 };
    expect(() => checkVerified('weights', { path, sha256: never, hashed })).toThrow('SHA-256');
  });

  it('tells that the file was replaced while it was opened', () => {
    const confirm = checkVerified('weights', { path, sha256 });
    confirm();
    rmSync(path);
    expect(confirm).toThrow(/cannot be read .*ENOENT/);
    writeFileSync(path, content);
    expect(confirm).toThrow('it was replaced while it was opened');
  });
});

describe('hashNew', () => {
  it('gives the digest of a file, which then stands', () => {
    writeFileSync(path, content);
    const { sizeBytes, sha256: found, ...hashed } = hashNew(path);
    expect([found, sizeBytes]).toEqual([sha256, content.byteLength]);
    expect(readVerified('weights', { path, sha256: never, hashed })).toHaveLength(content.byteLength);
  });
});

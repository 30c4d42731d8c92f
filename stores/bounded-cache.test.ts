import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ArtifactRef } from '../contracts/reference.js';
import { withArtifactsInUse } from './artifact-use.js';
import { BoundedCache } from './bounded-cache.js';
import { FileArtifactStore } from './file-artifact-store.js';
import { objectSegments } from './object-path.js';

let root: string;
let files: FileArtifactStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-cache-'));
  files = new FileArtifactStore(root);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** So many bytes that differ from those of other names, used so many seconds ago. */
async function put(name: string, ageSeconds: number, sizeBytes = 1000): Promise<ArtifactRef> {
  const ref = await files.putBytes(Buffer.from(name.padEnd(sizeBytes, '.')));
  const then = Date.now() / 1000 - ageSeconds;
  utimesSync(join(root, ...objectSegments(ref)), then, then);
  return ref;
}
const isHere = (ref: ArtifactRef): boolean => existsSync(join(root, ...objectSegments(ref)));
const cacheOf = (limitBytes: number, youngMs?: number) => new BoundedCache(root, { limitBytes, youngMs });

describe('BoundedCache', () => {
  it('removes what was used least recently until there is room, and nothing while there is', async () => {
    const [old, older, oldest] = [await put('a', 100), await put('b', 200), await put('c', 300)];
    await cacheOf(3000).added(0);
    expect([old, older, oldest].map(isHere)).toEqual([true, true, true]);
    await cacheOf(2500).added(0);
    expect([old, older, oldest].map(isHere)).toEqual([true, true, false]);
  });

  it('counts a use as one, though the file is older than others', async () => {
    const [recent, used] = [await put('a', 100), await put('b', 300)];
    await withArtifactsInUse(() => cacheOf(1).hold(used));
    await cacheOf(1500, 0).added(0);
    expect([recent, used].map(isHere)).toEqual([false, true]);
  });

  it('never removes what is held, nor what came a moment ago', async () => {
    const [held, fresh] = [await put('a', 300), await put('b', 1)];
    const cache = cacheOf(10);
    await withArtifactsInUse(async () => {
      await cache.hold(held);
      await cache.added(0);
      expect([held, fresh].map(isHere)).toEqual([true, true]);
    });
    await cacheOf(10, 0).added(0);
    expect([held, fresh].map(isHere)).toEqual([false, false]);
    expect(readdirSync(join(root, 'leases'))).toEqual([]);
  });

  it('heeds what other processes hold as long as they live', async () => {
    const ref = await put('a', 300);
    mkdirSync(join(root, 'leases'));
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const host = hostname().replace(/[^A-Za-z0-9.]/g, '_');
    const lease = (pid: number): string => join(root, 'leases', `${ref.sha256}.${host}-${pid}-0`);
    writeFileSync(lease(process.ppid), '');
    await cacheOf(10).added(0);
    expect(isHere(ref)).toBe(true);
    rmSync(lease(process.ppid));
    writeFileSync(lease(gone), '');
    await cacheOf(10).added(0);
    expect(isHere(ref)).toBe(false);
    expect(existsSync(lease(gone))).toBe(false);
  });

  it('waits with a hold until an eviction has ended, unless its process was killed', async () => {
    const ref = await put('a', 300);
    const lock = join(root, 'evicting');
    const host = hostname().replace(/[^A-Za-z0-9.]/g, '_');
    writeFileSync(lock, `${host}-${process.ppid}`);
    let isHeld = false;
    const holding = withArtifactsInUse(() => cacheOf(10).hold(ref)).then(() => (isHeld = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isHeld).toBe(false);
    writeFileSync(lock, `${host}-${spawnSync(process.execPath, ['-e', '']).pid}`);
    await holding;
    expect(existsSync(lock)).toBe(false);
  });

  it('counts what is added until it is too much', async () => {
    const cache = cacheOf(2500);
    const first = await put('a', 300);
    await cache.added(1000);
    await put('b', 200);
    await cache.added(1000);
    expect(isHere(first)).toBe(true);
    await put('c', 100);
    await cache.added(1000);
    expect(isHere(first)).toBe(false);
  });
});

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ArtifactStore } from '../../contracts/artifact-store.js';
import type { ServedVersion } from '../../contracts/serving.js';
import { tinyGolden, tinyGraph, tinyManifest } from '../../serving/testing/tiny-bundle.js';
import { FileArtifactStore } from '../../stores/file-artifact-store.js';
import { VersionCache, type CachedModel } from './version-cache.js';

async function storeVersion(store: ArtifactStore, version: string, bias: number): Promise<ServedVersion> {
  const [model, manifest, golden] = await Promise.all([
    store.putBytes(tinyGraph({ bias })),
    store.putJson(tinyManifest),
    store.putJson(tinyGolden({ bias })),
  ]);
  return { version, bundle: { model, manifest, golden } };
}

describe('VersionCache', () => {
  let directory: string;
  let store: FileArtifactStore;
  let cache: VersionCache;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'anneal-cache-'));
    store = new FileArtifactStore(join(directory, 'artifacts'));
    cache = await VersionCache.open(join(directory, 'host'), store);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('holds files that stay readable when the store is gone', async () => {
    const version = await storeVersion(store, '1', 0);
    await cache.files(version.bundle);
    rmSync(join(directory, 'artifacts'), { recursive: true });
    const again = await VersionCache.open(join(directory, 'host'), store);
    const { model } = await again.files(version.bundle);
    expect(readFileSync(model.path)).toEqual(Buffer.from(tinyGraph({ bias: 0 })));
  });

  it('fetches a file again that was damaged on its own disk', async () => {
    const version = await storeVersion(store, '1', 0);
    const { model } = await cache.files(version.bundle);
    rmSync(model.path);
    writeFileSync(model.path, 'damaged');
    cache.distrust(version.bundle);
    expect(readFileSync((await cache.files(version.bundle)).model.path)).toEqual(Buffer.from(tinyGraph({ bias: 0 })));
  });

  it('says of a file that is damaged here, and not in the store any more, what is damaged where', async () => {
    const version = await storeVersion(store, '1', 0);
    const { model } = await cache.files(version.bundle);
    rmSync(model.path);
    writeFileSync(model.path, 'damaged');
    await store.remove(version.bundle.model);
    const told: string[] = [];
    const restarted = await VersionCache.open(join(directory, 'host'), store, (damage) => told.push(damage));
    const failed = await restarted.files(version.bundle).catch((error: unknown) => error as Error);
    // printf damaged | sha256sum
    const digest = '41f0c27c00e8018f7715b5f50f67b5b54c229c1b843a014152785d9005f58fde';
    expect(told).toEqual([expect.stringContaining(model.path)]);
    expect(failed).toMatchObject({
      type: 'ArtifactCorrupt',
      message: expect.stringContaining(`is damaged (${model.path} has the SHA-256`),
    });
    expect(failed).toMatchObject({
      message: expect.stringMatching(/could not be fetched .*: The artifact .* there is no file .*tried again/),
    });
    expect(told[0]).toContain(digest);
    await storeVersion(store, '1', 0);
    expect(readFileSync((await restarted.files(version.bundle)).model.path)).toEqual(Buffer.from(tinyGraph({ bias: 0 })));
  });

  it('names its folder, and the way out, when it cannot be written', async () => {
    const version = await storeVersion(store, '1', 0);
    rmSync(join(directory, 'host', 'tmp'), { recursive: true });
    writeFileSync(join(directory, 'host', 'tmp'), '');
    await expect(cache.files(version.bundle)).rejects.toThrow(
      `${join(directory, 'host')} and cannot write there: a part of the path is a file (ENOTDIR). Mend that, or set ANNEAL_HOME`,
    );
  });

  it('refuses a version that the store does not have, and leaves nothing half-written', async () => {
    const version = await storeVersion(store, '1', 0);
    await store.remove(version.bundle.model);
    await expect(cache.files(version.bundle)).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
    expect(readdirSync(join(directory, 'host', 'tmp'))).toEqual([]);
  });

  it('refuses a version that is damaged in the store, and leaves nothing of it', async () => {
    const version = await storeVersion(store, '1', 0);
    const stored = await store.localPath(version.bundle.model);
    rmSync(stored);
    writeFileSync(stored, 'damaged');
    await expect(cache.files(version.bundle)).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
    expect(readdirSync(join(directory, 'host', 'tmp'))).toEqual([]);
    expect(readdirSync(join(directory, 'host', 'blobs'))).not.toContain(version.bundle.model.sha256);
  });

  it('refuses a digest that would leave its directory', async () => {
    const { bundle } = await storeVersion(store, '1', 0);
    const evil = { ...bundle, model: { ...bundle.model, sha256: '../../etc/passwd' } };
    await expect(cache.files(evil)).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
  });

  it('keeps the files of the versions that are named, and only those', async () => {
    const [one, two] = [await storeVersion(store, '1', 1), await storeVersion(store, '2', 2)];
    const old = await cache.files(one.bundle);
    const kept = await cache.files(two.bundle);
    await cache.keepOnly([two]);
    expect([existsSync(old.model.path), existsSync(kept.model.path), existsSync(kept.manifest.path)]).toEqual([false, true, true]);
    await cache.files(one.bundle);
    expect(existsSync(old.model.path)).toBe(true);
  });

  it('gives back the state of each model, and tells of a file that cannot be read', async () => {
    const active = await storeVersion(store, '1', 1);
    const state: CachedModel = { formatVersion: 1, model: 'a/..b', lineage: 'run', epoch: 3, active };
    await cache.save({ ...state, epoch: 2 });
    await cache.save(state);
    writeFileSync(join(directory, 'host', 'models', 'torn.json'), '{"formatVersion":1,');
    const unreadable: string[] = [];
    expect(await cache.saved((file) => unreadable.push(file))).toEqual([state]);
    expect(unreadable).toEqual([join(directory, 'host', 'models', 'torn.json')]);
  });
});

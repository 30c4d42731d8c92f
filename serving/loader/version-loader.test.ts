import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from '@jest/globals';
import { writeTinyVersion } from '../testing/tiny-bundle.js';
import { VersionLoader } from './version-loader.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-loader-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('deletes the images that are not needed any more, and keeps the others', async () => {
  const loader = await VersionLoader.open(join(directory, 'images'));
  try {
    const [one, two] = [1, 2].map((bias) => writeTinyVersion(join(directory, String(bias)), { bias }));
    const [unused, kept] = [await loader.prepare(one), await loader.prepare(two)];
    await loader.keepOnly(new Set([two.model.sha256]));
    while (existsSync(unused.image.path)) await sleep(5);
    expect(existsSync(kept.image.path)).toBe(true);
    expect((await loader.prepare(two)).image).toEqual(kept.image);
    expect(existsSync((await loader.prepare(one)).image.path)).toBe(true);
  } finally {
    loader.close();
  }
});

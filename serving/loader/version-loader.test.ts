import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from '@jest/globals';
import { tinyGolden, tinyGraph, tinyManifest, writeTinyVersion, writeVersion } from '../testing/tiny-bundle.js';
import { VersionLoader } from './version-loader.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-loader-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it.each([
  ['in one piece', {}],
  ['that share the weights of their model', { squareOf: 1100 }],
])('deletes the images %s that are not needed any more, and keeps the others', async (kind, model) => {
  const loader = await VersionLoader.open(join(directory, kind, 'images'), { placement: 'executor-process' });
  try {
    const [one, two] = [1, 2].map((bias) => writeTinyVersion(join(directory, kind, String(bias)), { bias, ...model }));
    const [unused, kept] = [await loader.prepare(one), await loader.prepare(two)];
    expect(kept.image.weights !== undefined).toBe('squareOf' in model);
    await loader.keepOnly(new Set([two.model.sha256]));
    while (existsSync(unused.image.path)) await sleep(5);
    expect(existsSync(kept.image.path)).toBe(true);
    expect((await loader.prepare(two)).image).toEqual(kept.image);
    expect(existsSync((await loader.prepare(one)).image.path)).toBe(true);
  } finally {
    loader.close();
  }
});

it('refuses a version whose warm-up does not come to an end, and prepares others meanwhile and afterwards', async () => {
  const loader = await VersionLoader.open(join(directory, 'endless'), { overtakenAfterMs: 100 });
  try {
    const manifest = { ...tinyManifest, serving: { executeTimeoutSeconds: 1 } };
    const instances = [{ origin: 'SFO', date: 13, distance: 1 }];
    const golden = { ...tinyGolden({ bias: 0 }), instances, outputs: [[0, 1]] };
    const endless = writeVersion(join(directory, 'hangs'), tinyGraph({ bias: 0, hangsAt: 13 }), manifest, golden);
    let isRefused = false;
    const refused = expect(loader.prepare(endless).finally(() => (isRefused = true))).rejects.toMatchObject({
      type: 'LoadFailed',
      message: expect.stringMatching(/a call with its golden rows did not come to an end within 2 seconds.*serving.executeTimeoutSeconds/),
    });
    const [three, four] = [3, 4].map((bias) => writeTinyVersion(join(directory, String(bias)), { bias }));
    expect((await loader.prepare(three)).goldenDifference).toBeLessThan(1e-5);
    expect(isRefused).toBe(false);
    await refused;
    expect((await loader.prepare(four)).goldenDifference).toBeLessThan(1e-5);
  } finally {
    loader.close();
  }
});

import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { ArtifactStore } from '../../contracts/artifact-store.js';
import type { ServedVersion } from '../../contracts/serving.js';
import { ServingHost } from '../../serving/serving-host.js';
import { tinyGolden, tinyGraph, tinyManifest } from '../../serving/testing/tiny-bundle.js';
import { FileArtifactStore } from '../../stores/file-artifact-store.js';
import { InferenceHost } from './inference-host.js';
import { VersionLoader } from '../../serving/loader/version-loader.js';
import type { ServingMember } from './serving-member.js';
import { VersionCache } from './version-cache.js';

const logger = pino({ level: 'silent' });
const model = 'tiny';
const instances = [{ origin: 'SFO', date: 0, distance: 1 }];

async function storeVersion(store: ArtifactStore, version: string, bias: number, goldenError = 0): Promise<ServedVersion> {
  const [graph, manifest, golden] = await Promise.all([
    store.putBytes(tinyGraph({ bias })),
    store.putJson(tinyManifest),
    store.putJson(tinyGolden({ bias, goldenError })),
  ]);
  return { version, bundle: { model: graph, manifest, golden } };
}

describe('InferenceHost', () => {
  let directory: string;
  let store: FileArtifactStore;
  const processes: ServingHost[] = [];
  const loaders: VersionLoader[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'anneal-host-'));
    store = new FileArtifactStore(join(directory, 'artifacts'));
  });
  afterEach(async () => {
    for (const loader of loaders.splice(0)) loader.close();
    await Promise.all(processes.splice(0).map((serving) => serving.handlers.drain(null)));
    rmSync(directory, { recursive: true, force: true });
  });

  /** Real executors, in this process: what matters here is the order of the commands. */
  function serve(host: InferenceHost): Pick<ServingMember, 'request'> {
    const members = Array.from({ length: 2 }, (): Pick<ServingMember, 'request'> => {
      const serving = new ServingHost(logger);
      processes.push(serving);
      return { request: (command, input) => serving.handlers[command](input) };
    });
    host.attach({
      broadcast: (command, input) => Promise.all(members.map((member) => member.request(command, input))),
      // The last one: what only the first one holds is not enough.
      ask: (command, input) => members[1].request(command, input),
    });
    return { request: async (command, input) => (await Promise.all(members.map((member) => member.request(command, input))))[0] };
  }

  let restoring: Pick<ServingMember, 'request'>;

  async function open(): Promise<InferenceHost> {
    const cache = await VersionCache.open(join(directory, 'host'), store);
    const loader = await VersionLoader.open(join(directory, 'host', 'prepared', String(loaders.length)));
    loaders.push(loader);
    const host = await InferenceHost.open({ hostId: 'h', cache, loader, logger });
    restoring = serve(host);
    return host;
  }

  const served = async (host: InferenceHost) => (await host.predict({ model, instances })).version;

  it('loads and activates for a rollout, each as often as it is told', async () => {
    const host = await open();
    const version = await storeVersion(store, '1', 1);
    for (let i = 0; i < 2; i++)
      expect(await host.load({ model, version, epoch: 1 })).toMatchObject({ hostId: 'h', goldenDifference: expect.any(Number) });
    for (let i = 0; i < 2; i++) expect(await host.activate({ model, version: '1', epoch: 1 })).toEqual({ hostId: 'h', epoch: 1 });
    expect(await served(host)).toBe('1');
    expect(host.known(model)).toEqual({ epoch: 1, version: '1' });
  });

  it('activates what it loads where the rollout asks for both, and does nothing of a refused version', async () => {
    const host = await open();
    const [one, broken] = [await storeVersion(store, '1', 1), await storeVersion(store, '2', 2, 0.5)];
    for (let i = 0; i < 2; i++)
      expect(await host.load({ model, version: one, epoch: 1, activate: true })).toMatchObject({ hostId: 'h', activated: true });
    await expect(host.load({ model, version: broken, epoch: 2, activate: true })).rejects.toMatchObject({ type: 'LoadFailed' });
    await expect(host.load({ model, version: one, epoch: 0, activate: true })).rejects.toMatchObject({ type: 'RolloutFailed' });
    expect(await served(host)).toBe('1');
    expect(host.known(model)).toEqual({ epoch: 1, version: '1' });
  });

  it('ignores an activation and a target that are older than what it knows', async () => {
    const host = await open();
    const [one, two] = [await storeVersion(store, '1', 1), await storeVersion(store, '2', 2)];
    await host.reconcile(model, { epoch: 1, champion: one });
    await host.reconcile(model, { epoch: 5, champion: two });
    expect(await host.activate({ model, version: '1', epoch: 4 })).toEqual({ hostId: 'h', epoch: 5 });
    await host.reconcile(model, { epoch: 3, champion: one });
    await expect(host.load({ model, version: one, epoch: 4 })).rejects.toMatchObject({ type: 'RolloutFailed' });
    expect(await served(host)).toBe('2');
  });

  it('ends in one state when the watcher and a rollout act at the same time', async () => {
    const host = await open();
    const versions = await Promise.all([1, 2, 3].map((n) => storeVersion(store, String(n), n)));
    await Promise.all(
      versions.flatMap((champion, i) =>
        [
          host
            .load({ model, version: champion, epoch: i + 1 })
            .then(() => host.activate({ model, version: champion.version, epoch: i + 1 })),
          host.reconcile(model, { epoch: i + 1, champion }),
        ].map((change) => change.catch(() => undefined)),
      ),
    );
    expect(await served(host)).toBe('3');
    expect(host.known(model)).toEqual({ epoch: 3, version: '3' });
  });

  it('goes back to the version before at once, also when the store is gone', async () => {
    const host = await open();
    const [one, two] = [await storeVersion(store, '1', 1), await storeVersion(store, '2', 2)];
    await host.reconcile(model, { epoch: 1, champion: one });
    await host.reconcile(model, { epoch: 2, champion: two });
    rmSync(join(directory, 'artifacts'), { recursive: true });
    await host.reconcile(model, { epoch: 3, champion: one });
    expect(await served(host)).toBe('1');
  });

  it('keeps the old version when the new one does not reproduce its golden outputs', async () => {
    const host = await open();
    await host.reconcile(model, { epoch: 1, champion: await storeVersion(store, '1', 1) });
    const bad = await storeVersion(store, '2', 2, 0.5);
    await expect(host.load({ model, version: bad, epoch: 2 })).rejects.toMatchObject({ type: 'LoadFailed' });
    await expect(host.reconcile(model, { epoch: 2, champion: bad })).rejects.toMatchObject({ type: 'LoadFailed' });
    expect(await served(host)).toBe('1');
    expect(host.known(model)).toEqual({ epoch: 1, version: '1' });
  });

  it('serves what it served last after a restart, with the store gone', async () => {
    const [one, two] = [await storeVersion(store, '1', 1), await storeVersion(store, '2', 2)];
    const before = await open();
    await before.follow(model, 'run-a');
    await before.reconcile(model, { epoch: 1, champion: one });
    await before.reconcile(model, { epoch: 2, champion: two });
    rmSync(join(directory, 'artifacts'), { recursive: true });
    const host = await open();
    expect(host.models()).toEqual([model]);
    await host.restore(restoring);
    expect(await served(host)).toBe('2');
    expect(host.known(model)).toEqual({ epoch: 2, version: '2' });
    expect((await host.predict({ model, version: '1', instances })).version).toBe('1');
  });

  it('activates a version that it had staged before its serving process was replaced', async () => {
    const host = await open();
    await host.reconcile(model, { epoch: 1, champion: await storeVersion(store, '1', 1) });
    await host.load({ model, version: await storeVersion(store, '2', 2), epoch: 2 });
    restoring = serve(host);
    await host.restore(restoring);
    expect(await served(host)).toBe('1');
    await host.activate({ model, version: '2', epoch: 2 });
    expect(await served(host)).toBe('2');
  });

  it('comes back by the watcher when its cached files are damaged', async () => {
    const champion = await storeVersion(store, '1', 1);
    await (await open()).reconcile(model, { epoch: 1, champion });
    const blobs = join(directory, 'host', 'blobs');
    for (const name of readdirSync(blobs)) {
      rmSync(join(blobs, name));
      writeFileSync(join(blobs, name), 'damaged');
    }
    rmSync(join(directory, 'artifacts'), { recursive: true });
    const host = await open();
    await host.restore(restoring);
    expect(host.known(model)).toEqual({ epoch: 1, version: undefined });
    store = new FileArtifactStore(join(directory, 'artifacts'));
    await storeVersion(store, '1', 1);
    await host.reconcile(model, { epoch: 1, champion });
    expect(await served(host)).toBe('1');
  });

  it('loads again what one of its processes could not, once the store is back, and calls nothing its own before', async () => {
    const [one, two] = [await storeVersion(store, '1', 1), await storeVersion(store, '2', 2)];
    const before = await open();
    await before.reconcile(model, { epoch: 1, champion: one });
    await before.reconcile(model, { epoch: 2, champion: two });
    const host = await open();
    const [first, second] = processes
      .slice(-2)
      .map((serving): Pick<ServingMember, 'request'> => ({ request: (command, input) => serving.handlers[command](input) }));
    const blob = join(directory, 'host', 'blobs', two.bundle.golden.sha256);
    const away = join(directory, 'artifacts.away');
    renameSync(join(directory, 'artifacts'), away);
    rmSync(blob);
    await host.restore(second);
    expect(await host.restoreMissing()).toBe(false);
    renameSync(away, join(directory, 'artifacts'));
    // The other process finds the store there: that says nothing of the one before.
    await host.restore(first);
    expect(host.known(model)).toEqual({ epoch: 2, version: undefined });
    await expect(served(host)).rejects.toThrow();
    expect(await host.restoreMissing()).toBe(true);
    expect(host.known(model)).toEqual({ epoch: 2, version: '2' });
    expect(await served(host)).toBe('2');
    expect((await host.predict({ model, version: '1', instances })).version).toBe('1');
  });

  it('follows a lifecycle that was started anew, although its epochs are smaller', async () => {
    const host = await open();
    await host.follow(model, 'run-a');
    await host.reconcile(model, { epoch: 7, champion: await storeVersion(store, '1', 1) });
    await host.follow(model, 'run-b');
    expect(await served(host)).toBe('1');
    // A registry that was emptied too numbers its versions from 1 again.
    const other = await storeVersion(store, '1', 5);
    await host.reconcile(model, { epoch: 1, champion: other });
    expect(host.known(model)).toEqual({ epoch: 1, version: '1' });
    const state = JSON.parse(readFileSync(join(directory, 'host', 'models', 'tiny.json'), 'utf8')) as object;
    expect(state).toMatchObject({ lineage: 'run-b', epoch: 1, active: other });
  });

  it('fails a prediction for good when it does not fit, and passingly when nothing is loaded yet', async () => {
    const host = await open();
    await expect(host.predict({ model, instances })).rejects.not.toHaveProperty('type');
    await host.reconcile(model, { epoch: 1, champion: await storeVersion(store, '1', 1) });
    await expect(host.predict({ model, instances: [{}] })).rejects.toMatchObject({ type: 'InvalidRequest' });
    await expect(host.predict({ model, instances: [] })).rejects.toMatchObject({ type: 'InvalidRequest' });
    await expect(host.predict({ model: 'other', instances })).rejects.toMatchObject({ type: 'UnknownModelVersion' });
  });
});

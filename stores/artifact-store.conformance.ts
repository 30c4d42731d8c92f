import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { failureTypes } from '../contracts/failures.js';
import type { ArtifactRef } from '../contracts/reference.js';

export interface StoreUnderTest {
  /** Another client of the same storage, as another process would open it; nothing is cached in it. */
  open(): ArtifactStore;
  /** Overwrite the stored bytes of an artifact behind the store's back. */
  damage(ref: ArtifactRef, bytes: Uint8Array): Promise<void>;
  dispose(): Promise<void>;
}

const corrupt = { type: failureTypes.artifactCorrupt };

/** What every artifact store must do. Call it in a test file with a factory that makes an empty store. */
export function describeArtifactStore(name: string, create: () => Promise<StoreUnderTest>): void {
  describe(`${name} as an artifact store`, () => {
    let under: StoreUnderTest;
    let store: ArtifactStore;
    let scratch: string;

    beforeEach(async () => {
      under = await create();
      store = under.open();
      scratch = await mkdtemp(join(tmpdir(), 'anneal-store-'));
    });

    afterEach(async () => {
      await under.dispose();
      await rm(scratch, { recursive: true, force: true });
    });

    test.each([0, 1, 65_536, 3_000_001])('gives back %d bytes as they were put, from memory and from a file', async (size) => {
      const bytes = randomBytes(size);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const path = join(scratch, 'source');
      await writeFile(path, bytes);
      const expected = { uri: `artifact:sha256/${sha256}`, sha256, sizeBytes: size };
      expect(await store.putBytes(bytes)).toEqual(expected);
      expect(await store.putFile(path)).toEqual(expected);
      const other = under.open();
      expect(Buffer.compare(await other.readBytes(expected), bytes)).toBe(0);
      expect(Buffer.compare(await readFile(await other.localPath(expected)), bytes)).toBe(0);
    });

    test('keeps what it holds when the file that was put changes afterwards', async () => {
      const path = join(scratch, 'source');
      await writeFile(path, 'before');
      const ref = await store.putFile(path);
      await writeFile(path, 'after!');
      expect(Buffer.from(await under.open().readBytes(ref)).toString()).toBe('before');
    });

    test('refers to equal JSON values equally, whatever the order of their keys', async () => {
      const ref = await store.putJson({ rows: 3, by: { b: 2, a: [1, null] } });
      expect(await store.putJson({ by: { a: [1, null], b: 2 }, rows: 3 })).toEqual(ref);
      expect(await store.readJson(ref)).toEqual({ by: { a: [1, null], b: 2 }, rows: 3 });
    });

    test('says so when an artifact that is read as JSON is none', async () => {
      const ref = await store.putBytes(Buffer.from('{"half":'));
      await expect(store.readJson(ref)).rejects.toMatchObject(corrupt);
    });

    test('refuses an artifact that is missing', async () => {
      const ref = await store.putBytes(Buffer.from('soon gone'));
      await store.remove(ref);
      await store.remove(ref);
      await expect(store.readBytes(ref)).rejects.toMatchObject(corrupt);
      await expect(under.open().localPath(ref)).rejects.toMatchObject(corrupt);
    });

    test.each([
      ['changed', 'the cOntent'],
      ['cut short', 'the con'],
      ['emptied', ''],
    ])('detects bytes that were %s behind its back, and a later put repairs them', async (_how, damaged) => {
      const bytes = Buffer.from('the content');
      const ref = await store.putBytes(bytes);
      await under.damage(ref, Buffer.from(damaged));
      await expect(under.open().readBytes(ref)).rejects.toMatchObject(corrupt);
      await expect(store.localPath(ref)).rejects.toMatchObject(corrupt);
      expect(await under.open().putBytes(bytes)).toEqual(ref);
      expect(Buffer.compare(await under.open().readBytes(ref), bytes)).toBe(0);
      expect(Buffer.compare(await store.readBytes(ref), bytes)).toBe(0);
    });

    test('takes the same content from many writers at once', async () => {
      const bytes = randomBytes(300_000);
      const path = join(scratch, 'source');
      await writeFile(path, bytes);
      const writers = Array.from({ length: 8 }, (_, i) => (i % 2 ? under.open().putFile(path) : under.open().putBytes(bytes)));
      const refs = await Promise.all(writers);
      expect(new Set(refs.map((ref) => ref.sha256)).size).toBe(1);
      expect(Buffer.compare(await under.open().readBytes(refs[0]), bytes)).toBe(0);
    });

    test('finds an artifact by its pointer, and the last pointer wins', async () => {
      const [first, second] = await Promise.all([store.putJson(1), store.putJson(2)]);
      expect(await store.getPointer('checkpoints/pipeline/flights/run-1.a_b')).toBeUndefined();
      await store.setPointer('checkpoints/pipeline/flights/run-1.a_b', first);
      await store.setPointer('checkpoints/pipeline/flights/run-1.a_b', second);
      expect(await under.open().getPointer('checkpoints/pipeline/flights/run-1.a_b')).toEqual(second);
      expect(await store.getPointer('checkpoints/pipeline/flights')).toBeUndefined();
    });

    test('keeps a pointer and the pointers below it apart', async () => {
      const [one, two] = await Promise.all([store.putJson(1), store.putJson(2)]);
      await store.setPointer('a', one);
      await store.setPointer('a/b', two);
      expect([await store.getPointer('a'), await store.getPointer('a/b')]).toEqual([one, two]);
    });

    test('lists the pointers of a folder, and not those below them', async () => {
      const ref = await store.putJson(1);
      expect(await store.listPointers('log/model')).toEqual([]);
      for (const name of ['log/model/host-b', 'log/model/host-a.1', 'log/model/host-a.1/deeper', 'log/model-2/host-c', 'log/model'])
        await store.setPointer(name, ref);
      expect(await under.open().listPointers('log/model')).toEqual(['log/model/host-a.1', 'log/model/host-b']);
      await expect(store.listPointers('log/../model')).rejects.toMatchObject({ type: failureTypes.invalidRequest });
    });

    test('shows a reader of a pointer the old or the new target while it is written, never a part', async () => {
      const [one, two] = await Promise.all([store.putJson(1), store.putJson(2)]);
      await store.setPointer('moving', one);
      const reader = under.open();
      let writing = true;
      const writes = (async () => {
        for (let i = 0; i < 40; i += 1) await store.setPointer('moving', i % 2 ? one : two);
        writing = false;
      })();
      while (writing) expect([one.sha256, two.sha256]).toContain((await reader.getPointer('moving'))?.sha256);
      await writes;
    });

    test.each(['', '.', '..', '../escape', 'a/../../b', '/absolute', 'a//b', 'a/', 'a\\b', 'a b', 'nul\0', 'ü', 'a.json/b'])(
      'refuses %j as the name of a pointer',
      async (name) => {
        const ref = await store.putJson(1);
        await expect(store.setPointer(name, ref)).rejects.toMatchObject({ type: failureTypes.invalidRequest });
        await expect(store.getPointer(name)).rejects.toMatchObject({ type: failureTypes.invalidRequest });
      },
    );

    test.each(['../../etc/passwd', '', 'abc', 'A'.repeat(64)])('refuses %j as a digest', async (sha256) => {
      const ref: ArtifactRef = { uri: `artifact:sha256/${sha256}`, sha256, sizeBytes: 1 };
      await expect(store.readBytes(ref)).rejects.toMatchObject(corrupt);
      await expect(store.remove(ref)).rejects.toMatchObject(corrupt);
    });
  });
}

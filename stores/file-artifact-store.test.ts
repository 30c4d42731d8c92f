import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { failureTypes } from '../contracts/failures.js';
import { describeArtifactStore } from './artifact-store.conformance.js';
import { FileArtifactStore } from './file-artifact-store.js';

function objectPath(root: string, sha256: string): string {
  return join(root, 'sha256', sha256.slice(0, 2), sha256);
}

describeArtifactStore('FileArtifactStore', async () => {
  const root = await mkdtemp(join(tmpdir(), 'anneal-artifacts-'));
  return {
    open: () => new FileArtifactStore(root),
    damage: async (ref, bytes) => {
      await chmod(objectPath(root, ref.sha256), 0o644);
      await writeFile(objectPath(root, ref.sha256), bytes);
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  };
});

describe('FileArtifactStore on its disk', () => {
  let root: string;
  let store: FileArtifactStore;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'anneal-artifacts-'));
    store = new FileArtifactStore(root);
  });

  afterEach(() => rm(root, { recursive: true, force: true }));

  test('hands out a file that others cannot write to, and leaves no temporary file', async () => {
    const path = await store.localPath(await store.putJson({ a: 1 }));
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });

  test('does not write an artifact again that is already there', async () => {
    const first = await stat(await store.localPath(await store.putJson({ a: 1 })));
    const second = await stat(await store.localPath(await new FileArtifactStore(root).putJson({ a: 1 })));
    expect(second.ino).toBe(first.ino);
  });

  test('clears away what a killed process left a day ago, and nothing younger', async () => {
    const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await mkdir(join(root, 'tmp'));
    await writeFile(join(root, 'tmp', 'abandoned'), 'x');
    await utimes(join(root, 'tmp', 'abandoned'), old, old);
    await writeFile(join(root, 'tmp', 'in-progress'), 'x');
    await store.putJson(1);
    expect(await readdir(join(root, 'tmp'))).toEqual(['in-progress']);
  });

  test('goes on when its directory is deleted under it', async () => {
    await store.putJson(1);
    await rm(root, { recursive: true });
    expect(await store.readJson(await store.putJson(1))).toBe(1);
  });

  test('refuses a pointer file that something else has written', async () => {
    await mkdir(join(root, 'pointers'));
    await writeFile(join(root, 'pointers', 'newest.json'), '{"uri":1}');
    await expect(store.getPointer('newest')).rejects.toMatchObject({ type: failureTypes.artifactCorrupt });
  });

  test('leaves nothing behind when the source cannot be read', async () => {
    await expect(store.putFile(join(root, 'no-such-file'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });

  test('says that the disk is full, and leaves nothing half-written', async () => {
    const source = join(root, 'large');
    await writeFile(source, randomBytes(400_000));
    // A limit on the size of a file stands in for a full disk: a write stops half-way in the same manner.
    const message = await runLimited(
      `const { FileArtifactStore } = await import('./stores/file-artifact-store.ts');
       const error = await new FileArtifactStore(${JSON.stringify(root)}).putFile(${JSON.stringify(source)}).catch((caught) => caught);
       console.log(error.name + ': ' + error.message);`,
      200,
    );
    expect(message).toMatch(/^Error: .*is full \(EFBIG\).*Free some space/);
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
    expect(await readdir(root)).not.toContain('sha256');
  });

  test('has whole objects only when writers are killed at any moment', async () => {
    const writer = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        '--input-type=module',
        '--eval',
        `const { FileArtifactStore } = await import('./stores/file-artifact-store.ts');
         const { randomBytes } = await import('node:crypto');
         const store = new FileArtifactStore(${JSON.stringify(root)});
         const write = async () => store.setPointer('newest', await store.putBytes(randomBytes(2_000_000)));
         await write();
         console.log('writing');
         for (;;) await write();`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const gone = new Promise((done) => writer.once('exit', done));
    await new Promise((ready) => writer.stdout.once('data', ready));
    await new Promise((later) => setTimeout(later, 250));
    writer.kill('SIGKILL');
    await gone;
    const digests = (await readdir(join(root, 'sha256'), { recursive: true }))
      .filter((name) => name.includes('/'))
      .map((name) => name.slice(3));
    expect(digests.length).toBeGreaterThan(0);
    for (const sha256 of digests) {
      await store.localPath({ uri: `artifact:sha256/${sha256}`, sha256, sizeBytes: 2_000_000 });
    }
    const newest = await store.getPointer('newest');
    if (newest) expect(digests).toContain(newest.sha256);
  });
});

(process.platform === 'linux' ? test : test.skip)(
  'says of a folder that the file system does not take that it cannot be made',
  async () => {
    const refused = new FileArtifactStore('/proc/anneal/artifacts').putBytes(new Uint8Array(1));
    await expect(refused).rejects.toThrow("the file system takes no new folder in /proc, mkdir '/proc/anneal'. Name a folder elsewhere.");
  },
);

/** Run a module in a process whose files may not grow beyond `kilobytes`. */
async function runLimited(code: string, kilobytes: number): Promise<string> {
  const child = spawn(
    'bash',
    ['-c', 'ulimit -f "$1"; exec "$2" --import tsx --input-type=module --eval "$3"', 'bash', String(kilobytes), process.execPath, code],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TSX_DISABLE_CACHE: '1' } },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((done) => child.once('exit', done));
  return output;
}

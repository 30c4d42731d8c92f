import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { artifactUri, type ArtifactRef } from '../contracts/reference.js';
import { canonicalJson } from '../contracts/canonical-json.js';
import { objectSegments } from './object-path.js';
import { decodePointer, encodePointer } from './pointer-content.js';
import { pointersIn, pointerSegments } from './pointer-name.js';
import { DiskFullError, isDiskFull } from '../ml/disk-full.js';
import { makeFolder } from '../ml/make-folder.js';
import { syncPath } from '../ml/sync-path.js';

const copyChunkBytes = 1 << 20;
/** A temporary file this old belongs to a process that was killed: no copy takes a day. */
const abandonedAfterMs = 24 * 60 * 60 * 1000;

/** Why an artifact cannot be read from this directory: it is not there, or damaged. */
export interface CacheProblem {
  readonly damage?: string;
}

/**
 * The artifact store on a directory that all workers of a machine (or of a shared volume) see.
 *
 * Layout: `sha256/ab/<hex>` holds the bytes, `pointers/<name>.json` a reference, `tmp/` what is being written.
 * Any number of processes may use one directory at once: a file gets its final name by a rename, complete and synced.
 */
export class FileArtifactStore implements ArtifactStore {
  /** Absolute. */
  readonly root: string;
  /** By digest: how the file looked when its content was last seen to match. */
  readonly #verified = new Map<string, string>();
  readonly #verifying = new Map<string, Promise<void>>();
  #swept = false;

  /** @param root directory; made at the first write */
  constructor(root: string) {
    this.root = resolve(root);
  }

  async putFile(path: string): Promise<ArtifactRef> {
    return this.#writeObject(fileChunks(path));
  }

  async putBytes(bytes: Uint8Array): Promise<ArtifactRef> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const ref: ArtifactRef = { uri: artifactUri(sha256), sha256, sizeBytes: bytes.byteLength };
    if (await this.holds(ref)) return ref;
    return this.#writeObject([bytes]);
  }

  async putJson(value: unknown): Promise<ArtifactRef> {
    return this.putBytes(new TextEncoder().encode(canonicalJson(value)));
  }

  async localPath(ref: ArtifactRef): Promise<string> {
    const path = this.#objectPath(ref);
    let running = this.#verifying.get(ref.sha256);
    if (!running) {
      running = this.#verify(ref, path).finally(() => this.#verifying.delete(ref.sha256));
      this.#verifying.set(ref.sha256, running);
    }
    await running;
    return path;
  }

  async unverifiedPath(ref: ArtifactRef): Promise<string> {
    return this.#objectPath(ref);
  }

  async readBytes(ref: ArtifactRef): Promise<Uint8Array> {
    return readFile(await this.localPath(ref));
  }

  async readJson<T>(ref: ArtifactRef): Promise<T> {
    const text = new TextDecoder().decode(await this.readBytes(ref));
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new AnnealError(
        failureTypes.artifactCorrupt,
        `The artifact ${ref.uri} was read as JSON, but it holds ${ref.sizeBytes} bytes of something else. Give the reference of a JSON artifact.`,
        { uri: ref.uri },
        { cause },
      );
    }
  }

  async setPointer(name: string, ref: ArtifactRef): Promise<void> {
    const path = this.#pointerPath(name);
    await this.#writeThenRename([encodePointer(ref)], () => path);
  }

  async getPointer(name: string): Promise<ArtifactRef | undefined> {
    const path = this.#pointerPath(name);
    const text = await readFile(path, 'utf8').catch(undefinedWhenMissing);
    return text === undefined ? undefined : decodePointer(name, path, text);
  }

  async listPointers(folder: string): Promise<readonly string[]> {
    const directory = join(this.root, 'pointers', ...pointerSegments(folder));
    const names = (await readdir(directory).catch(undefinedWhenMissing)) ?? [];
    return pointersIn(folder, names);
  }

  async remove(ref: ArtifactRef): Promise<void> {
    this.#verified.delete(ref.sha256);
    await rm(this.#objectPath(ref), { force: true });
  }

  /** @returns whether the artifact is here, whole */
  async holds(ref: ArtifactRef): Promise<boolean> {
    return (await this.problemOf(ref)) === undefined;
  }

  /** @returns why the artifact cannot be read here; undefined: it can */
  async problemOf(ref: ArtifactRef): Promise<CacheProblem | undefined> {
    return this.localPath(ref).then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof AnnealError)) throw error;
        return { damage: (error.details as CorruptDetails).damage };
      },
    );
  }

  /**
   * Take an artifact from elsewhere.
   *
   * @param chunks its content, in order; read to its end
   * @param origin where it comes from, for the message
   * @throws AnnealError `ArtifactCorrupt` when that is not the content that `ref` means; nothing is kept of it
   */
  async adopt(ref: ArtifactRef, chunks: AsyncIterable<Uint8Array>, origin: string): Promise<void> {
    const path = this.#objectPath(ref);
    const { sha256, stamp } = await this.#writeThenRename(chunks, (digest, size) => {
      if (digest === ref.sha256 && size === ref.sizeBytes) return path;
      throw corrupt(ref, `${origin} has ${size} bytes with SHA-256 ${digest}`, damagedAdvice);
    });
    this.#verified.set(sha256, stamp);
  }

  #objectPath(ref: ArtifactRef): string {
    return join(this.root, ...objectSegments(ref));
  }

  #pointerPath(name: string): string {
    return `${join(this.root, 'pointers', ...pointerSegments(name))}.json`;
  }

  async #verify(ref: ArtifactRef, path: string): Promise<void> {
    const stamp = await fileStamp(path);
    if (stamp === undefined)
      throw corrupt(
        ref,
        `there is no file ${path}`,
        'It was deleted, or this worker uses another artifact directory than the one that wrote it: check ANNEAL_ARTIFACTS.',
      );
    if (this.#verified.get(ref.sha256) === stamp) return;
    const { sha256, sizeBytes } = await digestOf(fileChunks(path));
    if (sha256 !== ref.sha256 || sizeBytes !== ref.sizeBytes) {
      const damage = `the file ${path} has ${sizeBytes} bytes with SHA-256 ${sha256}`;
      throw corrupt(ref, damage, damagedAdvice, { damage });
    }
    this.#verified.set(ref.sha256, stamp);
  }

  async #writeObject(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<ArtifactRef> {
    // Replaces an object that is there already: that costs nothing more, and it repairs a damaged one.
    const { sha256, sizeBytes, stamp } = await this.#writeThenRename(chunks, (digest) =>
      join(this.root, 'sha256', digest.slice(0, 2), digest),
    );
    this.#verified.set(sha256, stamp);
    return { uri: artifactUri(sha256), sha256, sizeBytes };
  }

  async #writeThenRename(
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    target: (sha256: string, sizeBytes: number) => string,
  ): Promise<{ sha256: string; sizeBytes: number; stamp: string }> {
    const directory = join(this.root, 'tmp');
    const temporary = join(directory, randomUUID());
    try {
      await makeFolder(directory);
      if (!this.#swept) {
        this.#swept = true;
        await this.#removeAbandoned(directory);
      }
      const written = await copyInto(temporary, chunks);
      const path = target(written.sha256, written.sizeBytes);
      await makeFolder(dirname(path));
      const stamp = (await fileStamp(temporary)) ?? '';
      await rename(temporary, path);
      await syncPath(dirname(path));
      return { ...written, stamp };
    } catch (error) {
      await rm(temporary, { force: true });
      throw isDiskFull(error) ? outOfSpace(this.root, error) : error;
    }
  }

  async #removeAbandoned(directory: string): Promise<void> {
    const before = Date.now() - abandonedAfterMs;
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const found = await stat(path).catch(undefinedWhenMissing);
      if (found && found.mtimeMs < before) await rm(path, { force: true });
    }
  }
}

const damagedAdvice =
  'The file was damaged or changed after it was written: delete it and run the step that made it again, or restore it from a backup.';

/** Two stats of a file agree only if nobody has replaced or rewritten it in between (a rename keeps inode and modification time). */
async function fileStamp(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(undefinedWhenMissing);
  return found && `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}`;
}

/** Opens the file when the first chunk is asked for: an open stream that nobody reads yet would fail unheard. */
async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: copyChunkBytes }) as AsyncIterable<Buffer>;
}

async function digestOf(chunks: AsyncIterable<Uint8Array>): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

async function copyInto(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ sha256: string; sizeBytes: number }> {
  const file = await open(path, 'wx');
  try {
    const written = await digestOf(writingThrough(file, chunks));
    await file.chmod(0o444);
    await file.sync();
    return written;
  } finally {
    await file.close();
  }
}

async function* writingThrough(file: FileHandle, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    // One call may write less than it was given, e.g. the last bytes that fit on a full disk.
    for (let done = 0; done < chunk.byteLength;) {
      const { bytesWritten } = await file.write(chunk, done, chunk.byteLength - done);
      done += bytesWritten;
    }
    yield chunk;
  }
}

interface CorruptDetails {
  readonly uri: string;
  /** Of a file that is there. */
  readonly damage?: string;
}

function corrupt(ref: ArtifactRef, found: string, advice: string, more: Omit<CorruptDetails, 'uri'> = {}): AnnealError {
  const details: CorruptDetails = { uri: ref.uri, ...more };
  return new AnnealError(
    failureTypes.artifactCorrupt,
    `The artifact ${ref.uri} cannot be used: ${found}; expected ${ref.sizeBytes} bytes with SHA-256 ${ref.sha256}. ${advice}`,
    details,
  );
}

function outOfSpace(root: string, cause: unknown): DiskFullError {
  const folder = { path: root, name: 'the artifact store', elsewhere: 'point ANNEAL_ARTIFACTS at a larger disk' };
  return new DiskFullError(
    `The artifact store could not write to ${root}: the file system or its quota is full (${codeOf(cause)}). Nothing was left half-written. Free some space, or point ANNEAL_ARTIFACTS at a larger disk; the step is then tried again.`,
    { folder },
    { cause },
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}

function undefinedWhenMissing(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined;
  throw error;
}

import { createHash, type Hash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { AnnealError } from '../../contracts/failures.js';
import { loadFailed, messageOf } from './load-failed.js';

export interface LocalFile {
  readonly path: string;
  readonly sha256: string;
  /** Left out: the content is hashed when it is read. */
  readonly hashed?: HashedFile;
}

/** A file whose content was hashed by this host, and found as expected. */
export interface HashedFile {
  /** How it looked then: `stampOf`. */
  readonly stamp: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Two stamps agree only if nobody has replaced or rewritten the file in between; a rename keeps inode and modification time. */
export function stampOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** What was hashed longer ago may come from the disk now, and no longer from memory. */
const hashStandsMs = 60_000;
/** To hash less than this takes no time. */
const leastUnhashedBytes = 1 << 20;
const pieceBytes = 1 << 20;
/** Small enough that hashing one is not noticed by the requests of the same thread. */
const unnoticedBytes = 256 * 1024;

/**
 * Read a file and check its digest, unless this host did so within the last minute and nobody has written to the file since. Blocks
 * the thread: what libuv's threads read for it, they would read at the priority of those who answer.
 *
 * @returns bytes at the beginning of an `ArrayBuffer` of their own, aligned as onnxruntime wants them
 * @throws AnnealError `LoadFailed`
 */
export function readVerified(what: string, file: LocalFile): Uint8Array {
  let content: Content;
  try {
    content = read(file.path, file.hashed);
  } catch (error) {
    throw unreadable(what, error);
  }
  return verified(what, file, content);
}

/** Hash a file that this host has just made, without holding it in memory. Blocks the thread. @throws Error of the system */
export function hashNew(path: string): HashedFile & { readonly sha256: string; readonly sizeBytes: number } {
  const { stamp, sizeBytes, sha256 } = hashFile(path, undefined);
  return { sha256: sha256!, sizeBytes, stamp, atMs: Date.now() };
}

/**
 * Check a file's digest as `readVerified` does, for who maps it: it is not held in memory. Blocks the thread while it is hashed.
 *
 * @returns what is to be called when the file is mapped: it throws the same when there is another one by now
 * @throws AnnealError `LoadFailed`
 */
export function checkVerified(what: string, file: LocalFile): () => void {
  let checked: { readonly stamp: string; readonly sha256?: string };
  try {
    checked = hashFile(file.path, file.hashed);
  } catch (error) {
    throw unreadable(what, error);
  }
  const { stamp, sha256 } = checked;
  if (sha256 !== undefined && sha256 !== file.sha256) throw damaged(what, file, sha256);
  return () => {
    let found: string;
    try {
      found = stampOf(statSync(file.path, { bigint: true }));
    } catch (error) {
      throw unreadable(what, error);
    }
    if (found !== stamp) throw unreadable(what, new Error('it was replaced while it was opened'));
  };
}

/** The same as `readVerified`, a small piece at a time, for a thread that serves meanwhile: it is never held up for long. */
export async function readVerifiedBesideRequests(what: string, file: LocalFile): Promise<Uint8Array> {
  let content: Content;
  try {
    const handle = await open(file.path);
    try {
      content = new Content(await handle.stat({ bigint: true }), file.hashed);
      for (let rest = content.rest(unnoticedBytes); rest.byteLength > 0; rest = content.rest(unnoticedBytes))
        content.took((await handle.read(rest, 0, rest.byteLength, content.at)).bytesRead);
      content.end(await handle.stat({ bigint: true }));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(what, error);
  }
  return verified(what, file, content);
}

function read(path: string, hashed: HashedFile | undefined): Content {
  const descriptor = openSync(path, 'r');
  try {
    const content = new Content(fstatSync(descriptor, { bigint: true }), hashed);
    for (let rest = content.rest(pieceBytes); rest.byteLength > 0; rest = content.rest(pieceBytes))
      content.took(readSync(descriptor, rest, 0, rest.byteLength, content.at));
    content.end(fstatSync(descriptor, { bigint: true }));
    return content;
  } finally {
    closeSync(descriptor);
  }
}

/** @returns no digest where that stands from before */
function hashFile(
  path: string,
  hashed: HashedFile | undefined,
): { readonly stamp: string; readonly sizeBytes: number; readonly sha256?: string } {
  const descriptor = openSync(path, 'r');
  try {
    const found = fstatSync(descriptor, { bigint: true });
    const stamp = stampOf(found);
    const sizeBytes = Number(found.size);
    if (stands(stamp, sizeBytes, hashed)) return { stamp, sizeBytes };
    const hash = createHash('sha256');
    const piece = new Uint8Array(Math.min(pieceBytes, Math.max(1, sizeBytes)));
    for (let bytes = readSync(descriptor, piece); bytes > 0; bytes = readSync(descriptor, piece)) hash.update(piece.subarray(0, bytes));
    if (stampOf(fstatSync(descriptor, { bigint: true })) !== stamp) throw new Error('it was written to while it was read');
    return { stamp, sizeBytes, sha256: hash.digest('hex') };
  } finally {
    closeSync(descriptor);
  }
}

/** Whether the digest of a file that looks like this is known from before. */
function stands(stamp: string, sizeBytes: number, hashed: HashedFile | undefined): boolean {
  return hashed?.stamp === stamp && Math.abs(Date.now() - hashed.atMs) < hashStandsMs && sizeBytes >= leastUnhashedBytes;
}

/** The bytes of a file, taken from its beginning on, and their digest where that is not known. */
class Content {
  readonly bytes: Uint8Array;
  readonly stamp: string;
  #hash: Hash | undefined;
  #at = 0;

  constructor(found: BigIntStats, hashed: HashedFile | undefined) {
    this.bytes = new Uint8Array(new ArrayBuffer(Number(found.size)));
    this.stamp = stampOf(found);
    if (!stands(this.stamp, this.bytes.byteLength, hashed)) this.#hash = createHash('sha256');
  }

  get at(): number {
    return this.#at;
  }

  /** @returns where the next piece goes; empty at the end */
  rest(largest: number): Uint8Array {
    return this.bytes.subarray(this.#at, this.#at + largest);
  }

  /** Hashed a piece at a time, while it is in the processor's cache. */
  took(bytesRead: number): void {
    if (bytesRead === 0) throw new Error('it became shorter while it was read');
    this.#hash?.update(this.bytes.subarray(this.#at, this.#at + bytesRead));
    this.#at += bytesRead;
  }

  end(found: BigIntStats): void {
    // Written to while it was read: what is here now has to be looked at.
    if (!this.#hash && stampOf(found) !== this.stamp) this.#hash = createHash('sha256').update(this.bytes);
  }

  /** @returns the SHA-256 in hex, once; undefined where it stands from before */
  readonly digest = (): string | undefined => this.#hash?.digest('hex');
}

function verified(what: string, file: LocalFile, { bytes, digest }: Content): Uint8Array {
  const sha256 = digest();
  if (sha256 === undefined || sha256 === file.sha256) return bytes;
  throw damaged(what, file, sha256);
}

function damaged(what: string, file: LocalFile, sha256: string): AnnealError {
  return loadFailed(
    `the file of its ${what} has the SHA-256 ${sha256}, expected ${file.sha256}. It was damaged on this machine; the host downloads it again on the next try.`,
  );
}

function unreadable(what: string, error: unknown): AnnealError {
  return loadFailed(`the file of its ${what} cannot be read (${messageOf(error)}). The host downloads it again on the next try.`, error);
}

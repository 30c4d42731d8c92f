import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { lowerThread } from '../../serving/low-priority.js';
import { stampOf, type HashedFile } from '../../serving/loader/verified-file.js';
import type { DigestReply, DigestRequest, FileDigest } from './digest-messages.js';

/** A thread that hashes, copies and deletes files behind the requests that are being served: Linux gives each thread a priority of its own. */

const port = parentPort;
if (!port) throw new Error('This module runs in a worker thread.');

lowerThread();

const piece = new Uint8Array(1 << 20);

port.on('message', (request: DigestRequest) => port.postMessage(answer(request)));

function answer({ id, path, copyTo, remove }: DigestRequest): DigestReply {
  try {
    if (remove) {
      unlinkSync(path);
      return { id };
    }
    return { id, digest: copyTo === undefined ? digestOf(path) : copy(path, copyTo) };
  } catch (error) {
    const { code, message, path: failed } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' && failed === path ? { id } : { id, message, code };
  }
}

function digestOf(path: string): FileDigest {
  const file = openSync(path, 'r');
  try {
    return { hashed: hashedNow(file), sha256: hashPieces(file) };
  } finally {
    closeSync(file);
  }
}

/** A piece is written from the memory that was hashed. */
function copy(from: string, to: string): FileDigest {
  const source = openSync(from, 'r');
  try {
    const file = openSync(to, 'w', 0o644);
    try {
      const sha256 = hashPieces(source, (bytes) => {
        // One call may write less than it was given, e.g. the last bytes that fit on a full disk.
        for (let done = 0; done < bytes.byteLength;) done += writeSync(file, bytes, done);
      });
      return { hashed: hashedNow(file), sha256 };
    } finally {
      closeSync(file);
    }
  } finally {
    closeSync(source);
  }
}

function hashPieces(file: number, onPiece?: (bytes: Uint8Array) => void): string {
  const hash = createHash('sha256');
  for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
    const bytes = piece.subarray(0, read);
    hash.update(bytes);
    onPiece?.(bytes);
  }
  return hash.digest('hex');
}

function hashedNow(file: number): HashedFile {
  return { stamp: stampOf(fstatSync(file, { bigint: true })), atMs: Date.now() };
}

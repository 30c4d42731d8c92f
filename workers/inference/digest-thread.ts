import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { DigestReply, DigestRequest } from './digest-messages.js';

/** A thread that hashes files behind the requests that are being served: Linux gives each thread a priority of its own. */

const port = parentPort;
if (!port) throw new Error('This module runs in a worker thread.');

const niceness = 10;
if (process.platform === 'linux') setPriority(niceness);

const piece = new Uint8Array(1 << 20);

port.on('message', ({ id, path }: DigestRequest) => port.postMessage(answer(id, path)));

function answer(id: number, path: string): DigestReply {
  try {
    return { id, sha256: sha256Of(path) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { id } : { id, message, code };
  }
}

function sha256Of(path: string): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) hash.update(piece.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

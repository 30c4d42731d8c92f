import type { Worker } from 'node:worker_threads';
import { startTypescriptThread } from '../../ml/typescript-thread.js';
import type { DigestReply, DigestRequest, FileDigest } from './digest-messages.js';

interface Waiting {
  readonly resolve: (digest: FileDigest | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Digests and copies of files, made by a thread that stands behind those that answer requests. */
export class FileDigests {
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #nextId = 1;

  /**
   * @returns the SHA-256 in hex, or undefined when there is no such file
   * @throws Error with the system's code when it cannot be read
   */
  digest(path: string): Promise<FileDigest | undefined> {
    return this.#ask({ path });
  }

  /**
   * Copy a file, hashed on the way; a copy that is there is overwritten.
   *
   * @returns the digest of the copy, or undefined when there is no such file
   * @throws Error with the system's code when it cannot be read or written
   */
  copy(from: string, to: string): Promise<FileDigest | undefined> {
    return this.#ask({ path: from, copyTo: to });
  }

  /** Delete a file: the system takes milliseconds of the processor for each ten megabytes. One that is not there is no error. */
  async remove(path: string): Promise<void> {
    await this.#ask({ path, remove: true });
  }

  #ask(what: Omit<DigestRequest, 'id'>): Promise<FileDigest | undefined> {
    const thread = (this.#thread ??= this.#start());
    return new Promise((resolve, reject) => {
      const request: DigestRequest = { id: this.#nextId++, ...what };
      this.#waiting.set(request.id, { resolve, reject });
      thread.ref();
      thread.postMessage(request);
    });
  }

  #start(): Worker {
    const thread = startTypescriptThread(new URL('./digest-thread.ts', import.meta.url));
    thread.on('message', (reply: DigestReply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      // A thread that only waits does not keep the process alive.
      if (this.#waiting.size === 0) thread.unref();
      if ('message' in reply) waiting?.reject(Object.assign(new Error(reply.message), { code: reply.code }));
      else waiting?.resolve(reply.digest);
    });
    const ended = (error: Error): void => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    thread.on('error', ended);
    thread.on('exit', (code) => ended(new Error(`The thread that hashes files ended with code ${code}.`)));
    return thread;
  }
}

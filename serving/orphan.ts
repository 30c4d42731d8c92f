import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';

/** Where, and for how long, a serving process answers without its supervisor. */
export interface OrphanPlace {
  /** Of its host alone: the next supervisor of the same host looks here. */
  readonly directory: string;
  readonly forMs: number;
}

/**
 * How long serving processes answer when their supervisor was killed: as long as what starts it again may take, and no longer, since no
 * promotion reaches them.
 */
export const orphanMs = 60_000;

/** What the next supervisor says, and what it is told once the ports are free. */
export const releaseRequest = 'release\n';
export const releaseReply = 'released\n';

/** Longer names of sockets are cut off, or refused, by some systems. */
const mostPathBytes = 100;

/** Who is connected is sent away once the next processes surely listen. */
const handoverMs = 1000;

/** Folder of the sockets of serving processes whose supervisor is gone. */
export const orphanFolder = (directory: string): string => join(directory, 'orphans');

/** The shorter name of a socket: its folder may lie deep, but is mostly below the one in which the host runs. */
export function socketPath(directory: string, name: string): string {
  const path = join(orphanFolder(directory), name);
  const beside = relative(process.cwd(), path);
  return beside.length < path.length ? beside : path;
}

/**
 * Wait, while this process answers without its supervisor, for the next one to take over.
 *
 * @param stopListening frees the ports before it returns
 * @param stillHere called twice a second
 * @returns when this process is to finish its requests and end: it was asked to, or the time is over
 * @throws Error when the next supervisor could not find it: the folder cannot be written, or its path is too long
 */
export async function awaitTakeover({ directory, forMs }: OrphanPlace, stopListening: () => void, stillHere: () => void): Promise<void> {
  const path = socketPath(directory, String(process.pid));
  if (Buffer.byteLength(path) > mostPathBytes) throw new Error(`The path ${path} is too long for a socket.`);
  await mkdir(orphanFolder(directory), { recursive: true });
  // What a process of the same number has left.
  await rm(path, { force: true });
  const alive = setInterval(stillHere, 500);
  try {
    await new Promise<void>((resolve, reject) => {
      const server = createServer((socket) => {
        let heard = '';
        socket.setEncoding('utf8').on('error', () => socket.destroy());
        socket.on('data', (text: string) => {
          heard += text;
          if (heard !== releaseRequest) return;
          // When the connections that have come by now are accepted.
          setImmediate(() => {
            stopListening();
            socket.end(releaseReply);
            setTimeout(resolve, handoverMs);
          });
        });
      });
      server.on('error', reject);
      // By itself: what a process of a cluster listens on is opened by its supervisor else.
      server.listen({ path, exclusive: true });
      setTimeout(resolve, forMs);
    });
  } finally {
    clearInterval(alive);
    await rm(path, { force: true });
  }
}

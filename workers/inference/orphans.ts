import { readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { orphanFolder, releaseReply, releaseRequest, socketPath } from '../../serving/orphan.js';

/** One that does not answer within this hangs, and is ended by a thread of its own. */
const answerTimeoutMs = 2000;

/** @returns how many serving processes answer in the name of this host whose supervisor is gone */
export async function countOrphans(directory: string): Promise<number> {
  const sockets = await connectToAll(directory);
  for (const socket of sockets) socket.destroy();
  return sockets.length;
}

/**
 * Have the serving processes whose supervisor is gone stop to listen. They finish the requests that they have, and end.
 *
 * @param directory of this host alone
 * @returns how many there were, when the ports are free
 */
export async function releaseOrphans(directory: string): Promise<number> {
  const sockets = await connectToAll(directory);
  await Promise.all(sockets.map(release));
  return sockets.length;
}

async function connectToAll(directory: string): Promise<Socket[]> {
  const names = await readdir(orphanFolder(directory)).catch(() => []);
  const sockets = await Promise.all(names.map((name) => connectTo(socketPath(directory, name))));
  return sockets.filter((socket) => socket !== undefined);
}

/** @returns undefined when nobody is behind it any more */
function connectTo(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(socket));
    socket.once('error', () => void rm(path, { force: true }).then(() => resolve(undefined)));
  });
}

function release(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    let heard = '';
    const done = (): void => {
      socket.destroy();
      resolve();
    };
    socket.setEncoding('utf8').setTimeout(answerTimeoutMs, done);
    socket.on('data', (text: string) => {
      heard += text;
      if (heard === releaseReply) done();
    });
    socket.on('error', done);
    socket.on('close', done);
    socket.write(releaseRequest);
  });
}

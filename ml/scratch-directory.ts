import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './make-folder.js';
import { isGone, processMark } from './process-mark.js';

const prefix = 'anneal-scratch-';
const namePattern = /^anneal-scratch-([A-Za-z0-9._]+-\d+)-[^-]+$/;
/** A directory this old belongs to a process that was killed, on whatever machine it ran. */
const abandonedAfterMs = 24 * 60 * 60 * 1000;

/**
 * Run `work` with a directory of its own, which is removed with all that is in it, also after a failure.
 *
 * The directory bears the names of the machine and the process. What a process that was killed has left is removed by the
 * next one on the same machine, and by those on others after a day, so several workers can share `root`.
 *
 * @param root made when it is not there
 */
export async function withScratchDirectory<T>(root: string, work: (directory: string) => Promise<T>): Promise<T> {
  await makeFolder(root);
  await removeAbandoned(root);
  const directory = await mkdtemp(join(root, `${prefix}${processMark}-`));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const owner = namePattern.exec(name);
    if (!owner) continue;
    const path = join(root, name);
    if (isGone(owner[1]) === true || (await isOld(path))) await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Not one that another process is removing at the moment. */
async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > abandonedAfterMs;
}

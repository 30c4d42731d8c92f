import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Another process may remove a parent, empty as it is, before the folder is in it. */
const mostAttempts = 3;

/**
 * Make a folder and its parents. Safe to repeat, and by several at once.
 *
 * In place of Node's recursive `mkdir`, which never returns where a file system refuses new folders by "no such file" (/proc), and says
 * so of a disk that is read-only.
 *
 * @throws the system's error of the first folder that cannot be made; `ENOENT` with a sentence where the file system takes none
 */
export async function makeFolder(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(path);
      return;
    } catch (error) {
      if (await isFolder(path)) return;
      const parent = dirname(path);
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
      if (attempt === mostAttempts) throw refused(path, error);
      await makeFolder(parent);
    }
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

/** The system's "no such file or directory" would name a folder that is not meant to be there yet. */
function refused(path: string, cause: unknown): Error {
  const message = `ENOENT: the file system takes no new folder in ${dirname(path)}, mkdir '${path}'. Name a folder elsewhere.`;
  return Object.assign(new Error(message, { cause }), { code: 'ENOENT', path, syscall: 'mkdir' });
}

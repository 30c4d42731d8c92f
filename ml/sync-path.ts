import { open } from 'node:fs/promises';

/**
 * Make what was written to a file last, or of a directory the renames within it: they are in the directory's own data, and without this
 * a power failure could undo them.
 */
export async function syncPath(path: string): Promise<void> {
  const opened = await open(path, 'r');
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

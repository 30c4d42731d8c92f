import { open } from 'node:fs/promises';

/** Make renames within a directory last: they are in the directory's own data, and without this a power failure could undo them. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const reasons: Readonly<Record<string, string>> = {
  EROFS: 'the file system is read-only',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's quota is used up",
  ENOTDIR: 'a part of the path is a file',
};

/**
 * Make the folder in which an inference host keeps the versions that it serves, and try whether it can be written.
 *
 * @throws Error that names the folder, why it cannot be written, and the variable to set
 */
export async function makeWritable(directory: string): Promise<void> {
  try {
    // Made with its parents, a folder on a read-only file system is said not to exist; what exists says the truth.
    let existing = directory;
    while (!existsSync(existing)) existing = dirname(existing);
    await rm(await mkdtemp(join(existing, '.writable-')), { recursive: true });
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw cannotWrite(directory, error as NodeJS.ErrnoException);
  }
}

/** Whether the system refuses to write, whatever is written. */
export function isUnwritable(error: unknown): error is NodeJS.ErrnoException {
  return Object.hasOwn(reasons, (error as NodeJS.ErrnoException).code ?? '');
}

/** What the person who runs the host reads of an error of the system. */
export function cannotWrite(directory: string, error: NodeJS.ErrnoException): Error {
  const { code = '', message } = error;
  return new Error(
    `The inference host keeps the versions that it serves in ${directory} and cannot write there: ${reasons[code] ?? message}${code in reasons ? ` (${code})` : ''}. Mend that, or set ANNEAL_HOME to a folder that it can write.`,
    { cause: error },
  );
}

import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from '../command-error.js';

/**
 * Make the folder in which everything is kept, and see that it can be written to.
 *
 * One segment at a time: Node's recursive variant never returns where a file system refuses new folders with "no such file" (/proc).
 *
 * @throws CommandError that names ANNEAL_HOME
 */
export function ensureHome(home: string): void {
  try {
    makeFolder(home);
    accessSync(home, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CommandError(
      `Anneal cannot keep its data in ${home}: ${(error as NodeJS.ErrnoException).code ?? String(error)}. A folder is needed that can be made and written to. Set ANNEAL_HOME to such a folder, or correct the rights of this one.`,
      undefined,
      { cause: error },
    );
  }
}

function makeFolder(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  if (found) throw Object.assign(new Error(`${path} is a file`), { code: `${path} is a file` });
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Two at once: the other one was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

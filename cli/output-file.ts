import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AnnealError } from '../contracts/failures.js';
import { CommandError } from './command-error.js';

/**
 * Have a file written beside its place, then put there whole: what was there stays until then, or for good where writing fails.
 *
 * @param path absolute
 * @param write writes the file whose path it is given
 * @throws CommandError that says why the file cannot be written
 */
export async function writeOutputFile<T>(path: string, write: (temporary: string) => Promise<T> | T): Promise<T> {
  const folder = dirname(path);
  const [place, there] = await Promise.all([statOf(folder), statOf(path)]);
  if (!place?.isDirectory()) throw notWritten(path, `there is no folder ${folder}`);
  if (there?.isDirectory()) throw notWritten(path, 'it is a folder');
  // A pipe or a device (/dev/stdout) is written to, not replaced.
  if (there && !there.isFile()) return write(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.partial`);
  try {
    const result = await write(temporary);
    await rename(temporary, path);
    return result;
  } catch (error) {
    // What was to be written could not be had: that is no fault of the file.
    if (error instanceof CommandError || error instanceof AnnealError) throw error;
    throw notWritten(path, error instanceof Error ? error.message.replaceAll(temporary, path).replace(/\.$/, '') : String(error), error);
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch {
    return undefined;
  }
}

function notWritten(path: string, reason: string, cause?: unknown): CommandError {
  return new CommandError(`The file ${path} cannot be written: ${reason}. Nothing was changed; give another file by --output.`, undefined, {
    cause,
  });
}

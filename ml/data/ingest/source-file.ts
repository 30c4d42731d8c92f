import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';

export interface SourceFile {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Changes when the file does. */
  readonly modifiedMs: number;
}

/** Where the place of a source is written, unless somebody says it elsewhere. */
export const writtenInPipeline = 'source.uri in the pipeline';

/**
 * Find the file that a source's uri means.
 *
 * `npm:<package>/<path>` is looked up in the `node_modules` directories from the project's root upwards, past the
 * package's `exports`, which speak of code and not of data.
 *
 * @param projectRoot absolute directory that relative paths and package names are resolved from
 * @param writtenIn where whoever asks wrote the uri, for advice
 * @returns an absolute path of a file that exists
 * @throws AnnealError `SourceUnavailable` when there is no such file, package or scheme
 */
export async function resolveSourcePath(uri: string, projectRoot: string, writtenIn = writtenInPipeline): Promise<string> {
  const candidates = candidatePaths(uri, projectRoot);
  for (const path of candidates) {
    const found = await statOf(uri, path);
    if (found?.isFile()) return path;
    if (found && !found.isDirectory()) throw noRegularFile(uri);
    if (found) throw unavailable(uri, 'it is a directory, and a single file was expected', 'Give the path of one file.');
  }
  if (uri.startsWith('npm:'))
    throw unavailable(
      uri,
      'no installed package has this file',
      `Install the package with npm, or correct ${writtenIn} (npm:<package>/<path inside the package>).`,
    );
  throw unavailable(
    uri,
    'there is no such file (relative ones start at the folder where the command is called)',
    `Put the file there, or correct ${writtenIn}.`,
  );
}

/** @returns undefined when there is nothing. @throws AnnealError `SourceUnavailable` when the way to it may not be gone */
export async function statOf(uri: string, path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EIO') throw unreadable(uri, 'it', cause);
    return undefined;
  }
}

/** A device or a pipe has no end, or gives its content once. */
export function noRegularFile(uri: string): AnnealError {
  return unavailable(uri, 'it is no regular file but a device, a pipe or a socket', 'Write the data to a file and give its path.');
}

/** @param what the file, or a file in the folder that the uri means */
export function unreadable(uri: string, what: string, cause: unknown): AnnealError {
  const { code = 'I/O error' } = cause as NodeJS.ErrnoException;
  return unavailable(uri, `${what} cannot be read (${code})`, 'Check its permissions and the disk.', cause);
}

/** The paths that a uri may mean, in the order in which they are tried. */
export function candidatePaths(uri: string, projectRoot: string): string[] {
  if (uri.includes('\0')) throw unavailable(uri, 'the path holds a NUL character', 'Correct the path.');
  if (uri.startsWith('npm:')) return packagePaths(uri, projectRoot);
  if (uri.startsWith('file:')) {
    try {
      return [fileURLToPath(uri)];
    } catch (cause) {
      throw unavailable(uri, 'it is not a valid file URL', 'Write it as file:///absolute/path.', cause);
    }
  }
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(uri)?.[1];
  if (scheme)
    throw unavailable(
      uri,
      `sources of the scheme "${scheme}" cannot be read`,
      'Download the file and give its path, file://… or npm:<package>/<path>.',
    );
  return [resolve(projectRoot, uri)];
}

function packagePaths(uri: string, projectRoot: string): string[] {
  const match = /^npm:((?:@[^/]+\/)?[^/@][^/]*)\/(.+)$/.exec(uri);
  if (!match) throw unavailable(uri, 'it does not name a package and a file', 'Write it as npm:<package>/<path inside the package>.');
  const [, name, file] = match;
  const directories = createRequire(join(projectRoot, 'package.json')).resolve.paths(name) ?? [];
  return directories.flatMap((directory) => {
    const root = join(directory, name);
    const path = resolve(root, file);
    const inside = relative(root, path);
    // A path that climbs out of the package is no file of the package.
    return inside.startsWith('..') || isAbsolute(inside) ? [] : [path];
  });
}

/**
 * Digest of a file, read in pieces.
 *
 * @throws AnnealError `SourceUnavailable` when it is empty or cannot be read; the signal's reason when aborted
 */
export async function fingerprint(uri: string, path: string, signal?: AbortSignal): Promise<SourceFile> {
  const { size, mtimeMs } = await stat(path);
  if (size === 0) throw unavailable(uri, 'the file is empty', 'Write the data again and start a new run.');
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(piece as Buffer);
  } catch (cause) {
    signal?.throwIfAborted();
    throw unreadable(uri, 'the file', cause);
  }
  return { path, sha256: hash.digest('hex'), sizeBytes: size, modifiedMs: mtimeMs };
}

/** @throws AnnealError `SourceUnavailable` when the file is not the one that was fingerprinted */
export async function assertUnchanged(uri: string, file: SourceFile): Promise<void> {
  const now = await stat(file.path).catch(() => undefined);
  if (now?.size === file.sizeBytes && now.mtimeMs === file.modifiedMs) return;
  throw unavailable(uri, 'the file changed while it was read', 'Wait until whoever writes it has finished, and start a new run.');
}

/** A permanent failure of a source, in one paragraph. */
export function unavailable(uri: string, what: string, wayOut: string, cause?: unknown): AnnealError {
  return new AnnealError(failureTypes.sourceUnavailable, `The source "${uri}" cannot be used: ${what}. ${wayOut}`, { uri }, { cause });
}

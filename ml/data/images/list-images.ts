import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unavailable } from '../source-file.js';

export interface ImageFile {
  /** Below the folder, with `/`: what the data set calls it. */
  readonly path: string;
  /** Name of the folder that it lies in, directly below the given one. */
  readonly label: string;
  /** Absolute path of the file. */
  readonly file: string;
}

/** Those that cannot be decoded are in it too, so that they are reported instead of being left out without a word. */
const imageName = /\.(png|jpe?g|jfif|webp|gif|bmp|tiff?|heic|heif|avif)$/i;

/**
 * The images of a folder with one folder for each class, in those also deeper; hidden files and folders do not count.
 *
 * @param uri how messages call the folder
 * @returns in the order of the paths (by UTF-16 code unit), the same on every machine
 * @throws AnnealError `SourceUnavailable` when the folder is not there, or has no folder with images
 */
export async function listImages(folder: string, uri = folder, signal?: AbortSignal): Promise<ImageFile[]> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw unavailable(
      uri,
      'there is no such folder',
      'Put the folder there, with one folder of images for each class, or correct source.uri.',
    );
  const files: ImageFile[] = [];
  for (const label of await childrenOf(folder, 'folders')) {
    for (const path of await imagesBelow(join(folder, label), label, signal)) files.push({ path, label, file: join(folder, path) });
  }
  if (files.length === 0)
    throw unavailable(
      uri,
      'no folder in it has images (.png, .jpg, .jpeg, .webp, .gif)',
      'Put the images of each class into a folder of its own: the name of the folder is the label.',
    );
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function imagesBelow(folder: string, prefix: string, signal: AbortSignal | undefined): Promise<string[]> {
  signal?.throwIfAborted();
  const names = (await childrenOf(folder, 'files')).filter((name) => imageName.test(name));
  const found = names.map((name) => `${prefix}/${name}`);
  for (const name of await childrenOf(folder, 'folders'))
    found.push(...(await imagesBelow(join(folder, name), `${prefix}/${name}`, signal)));
  return found;
}

/** A link to a file counts as that file; a link to a folder does not count, as it could lead in a circle. */
async function childrenOf(folder: string, kind: 'files' | 'folders'): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.name.startsWith('.') && (kind === 'folders' ? entry.isDirectory() : entry.isFile() || entry.isSymbolicLink()))
    .map((entry) => entry.name);
}

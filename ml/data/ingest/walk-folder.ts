import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { unavailable, unreadable } from './source-file.js';
import { byName, isHidden } from './place.js';

export interface FoundFile {
  /** Relative to the folder, `/` between its segments. */
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface FolderWalk {
  readonly matches: (name: string) => boolean;
  /** How many levels of folders are entered, the folder itself included. */
  readonly depth: number;
  readonly hasUnderscore: boolean;
}

/**
 * The files below a folder, in the order of their names.
 *
 * A link to a file of the same folder counts as that file, once; a link to a folder within it is not entered, so a loop
 * ends. Hidden files and folders are left out.
 *
 * @param uri how messages call the folder
 * @throws AnnealError `SourceUnavailable` for a link that leads out of the folder or nowhere, or a folder that may not be read
 */
export async function walkFolder(uri: string, root: string, walk: FolderWalk): Promise<FoundFile[]> {
  const realRoot = await realpath(root);
  const found: FoundFile[] = [];
  const links: { readonly name: string; readonly target: string }[] = [];

  async function enter(folder: string, level: number): Promise<void> {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((cause: unknown) => {
      throw unreadable(uri, folder === '' ? 'the directory' : `the directory "${folder}" in it`, cause);
    });
    for (const entry of entries) {
      if (isHidden(entry.name, walk.hasUnderscore)) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const path = join(root, name);
      if (entry.isDirectory()) {
        if (level < walk.depth) await enter(name, level + 1);
      } else if (entry.isSymbolicLink()) {
        const target = await linkTarget(uri, name, path, realRoot, walk);
        if (target !== undefined) links.push({ name, target });
      } else if (entry.isFile() && walk.matches(name)) {
        found.push({ name, path, sizeBytes: (await stat(path)).size });
      }
    }
  }

  await enter('', 1);
  const known = new Set(await Promise.all(found.map(({ path }) => realpath(path))));
  for (const { name, target } of links.sort(byName)) {
    if (known.has(target)) continue;
    known.add(target);
    found.push({ name, path: join(root, name), sizeBytes: (await stat(target)).size });
  }
  return found.sort(byName);
}

/** @returns the file that a link means; undefined when it means none that is asked for */
async function linkTarget(uri: string, name: string, path: string, realRoot: string, walk: FolderWalk): Promise<string | undefined> {
  const target = await realpath(path).catch(() => undefined);
  const kind = target === undefined ? undefined : await stat(target);
  if (kind?.isFile() !== false && !walk.matches(name)) return undefined;
  if (target === undefined || !kind)
    throw unavailable(uri, `the link "${name}" in it leads nowhere or in a circle`, 'Remove the link, or give the files by their names.');
  if (target !== realRoot && !target.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep))
    throw unavailable(
      uri,
      `the link "${name}" in it leads out of the folder`,
      'Only what lies in the given folder is read: give the place that the link leads to as well (a source may have several), and remove the link.',
    );
  return kind.isFile() ? target : undefined;
}

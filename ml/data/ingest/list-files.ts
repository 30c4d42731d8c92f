import { stat } from 'node:fs/promises';
import type { ListedFile } from '../../../contracts/dataset.js';
import { describeSource, type FileSource, type ImageSource, isImages, type NamedSource } from '../../../contracts/pipeline/source.js';
import type { RemoteFiles } from '../../../contracts/remote-files.js';
import { candidatePaths, noRegularFile, statOf, unavailable, writtenInPipeline } from './source-file.js';
import { fileNamePatterns } from './file-name-patterns.js';
import { listRemote } from './list-remote.js';
import { filePattern, hiveColumns } from './place.js';
import { walkFolder } from './walk-folder.js';

export interface FileListing {
  readonly files: readonly ListedFile[];
  /** Uris of files without a byte, which are left out. */
  readonly empty: readonly string[];
}

/** A source whose files are listed. */
export type ListedSource = FileSource | ImageSource | NamedSource;

type LocalFile = ListedFile & { readonly path: string };

interface Places {
  /** Absolute directory that relative paths and package names are resolved from. */
  readonly projectRoot: string;
  /** Where whoever asks wrote the places, for advice; default: `source.uri` in the pipeline. */
  readonly writtenIn?: string;
  readonly remote?: RemoteFiles;
  readonly signal?: AbortSignal;
}

/**
 * Find the files that a source's places mean: in the order in which the places are written, those of a folder or a
 * pattern by name.
 *
 * @throws AnnealError `SourceUnavailable` when a place has no file, when one file is meant twice, or when all are empty
 */
export async function listFiles(source: ListedSource, places: Places): Promise<FileListing> {
  const listed: (ListedFile & { readonly path?: string })[] = [];
  for (const uri of [source.uri].flat())
    listed.push(...(uri.startsWith('s3://') ? await listRemote(uri, source, places) : await listLocal(uri, source, places)));
  const seen = new Map<string, string>();
  for (const { uri, path = uri } of listed) {
    const other = seen.get(path);
    if (other !== undefined)
      throw unavailable(
        uri,
        `the places in ${places.writtenIn ?? writtenInPipeline} mean it twice${other === uri ? '' : ` (also as "${other}")`}`,
        'Its rows would be in the data twice: let each file be meant by one place only.',
      );
    seen.set(path, uri);
  }
  // An empty image is a row that cannot be used, like any other broken one.
  const isUsed = ({ sizeBytes }: ListedFile) => sizeBytes > 0 || isImages(source);
  const files = listed.filter(isUsed).map(withoutPath);
  const empty = listed.filter((file) => !isUsed(file)).map(({ uri }) => uri);
  if (files.length === 0)
    throw unavailable(
      describeSource(source as FileSource),
      empty.length === 1 ? 'the file is empty' : `all ${empty.length} files are empty`,
      'Write the data again and start a new run.',
    );
  return { files, empty };
}

async function listLocal(uri: string, source: ListedSource, { projectRoot, writtenIn = writtenInPipeline }: Places): Promise<LocalFile[]> {
  const candidates = candidatePaths(uri, projectRoot);
  for (const path of candidates) {
    const found = await statOf(uri, path);
    if (found && !found.isFile() && !found.isDirectory()) throw noRegularFile(uri);
    if (found?.isFile() && !uri.endsWith('/')) return [{ uri, path, sizeBytes: found.size }];
    if (found?.isDirectory()) return folderFiles(uri, path, source);
  }
  if (filePattern(uri)) {
    for (const path of candidates) {
      const found = await patternFiles(uri, path, source);
      if (found.length > 0) return found;
    }
    throw unavailable(
      uri,
      'no file matches the pattern (relative ones start where the command is called)',
      `Put the files there, or correct ${writtenIn}; "*" stands for any name, "**" for any folders.`,
    );
  }
  throw missing(uri, writtenIn);
}

/** Another worker may find the same file elsewhere. */
function withoutPath({ uri, sizeBytes, etag, partition }: ListedFile): ListedFile {
  return { uri, sizeBytes, ...(etag === undefined ? {} : { etag }), ...(partition ? { partition } : {}) };
}

function missing(uri: string, writtenIn: string): Error {
  if (uri.startsWith('npm:'))
    return unavailable(
      uri,
      'no installed package has this file',
      `Install the package with npm, or correct ${writtenIn} (npm:<package>/<path inside the package>).`,
    );
  return unavailable(
    uri,
    'there is no such file (relative ones start at the folder where the command is called)',
    `Put the file there, or correct ${writtenIn}.`,
  );
}

async function folderFiles(uri: string, path: string, source: ListedSource): Promise<LocalFile[]> {
  const { pattern, names } = fileNamePatterns[source.format];
  const found = await walkFolder(uri, path, {
    matches: (name) => pattern.test(name),
    depth: Number.POSITIVE_INFINITY,
    hasUnderscore: false,
  });
  if (found.length === 0)
    throw unavailable(
      uri,
      `the directory has no file of the format ${source.format} (${names})`,
      `Put the files there, correct source.format, or name them by a pattern such as ${uri.replace(/\/+$/, '')}/*.`,
    );
  return found.map((file) => listed(uri.replace(/\/+$/, ''), file, source));
}

async function patternFiles(uri: string, path: string, source: ListedSource): Promise<LocalFile[]> {
  const pattern = filePattern(path);
  if (!pattern) return [];
  const isThere = await stat(pattern.base).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) return [];
  const found = await walkFolder(uri, pattern.base, pattern);
  return found.map((file) => listed(filePattern(uri)?.base ?? '', file, source));
}

function listed(
  base: string,
  { name, path, sizeBytes }: { readonly name: string; readonly path: string; readonly sizeBytes: number },
  source: ListedSource,
): LocalFile {
  const below = base.startsWith('file:') ? name.split('/').map(encodeURIComponent).join('/') : name;
  const partition = isImages(source) || source.hivePartitions === 'ignore' ? undefined : hiveColumns(name.split('/').slice(0, -1));
  return { uri: base === '' ? below : `${base.replace(/\/$/, '')}/${below}`, path, sizeBytes, ...(partition ? { partition } : {}) };
}

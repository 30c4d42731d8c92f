import type { ListedFile } from '../../../contracts/dataset.js';
import { isImages } from '../../../contracts/pipeline/source.js';
import type { RemoteFile, RemoteFiles } from '../../../contracts/remote-files.js';
import { unavailable, writtenInPipeline } from './source-file.js';
import { fileNamePatterns } from './file-name-patterns.js';
import type { ListedSource } from './list-files.js';
import { filePattern, hiveColumns, isHidden } from './place.js';

/**
 * Find the files that a remote place means: one of exactly that name, or those below a prefix, or those that match a pattern.
 *
 * @param writtenIn where whoever asks wrote the place, for advice
 * @throws AnnealError `SourceUnavailable` when there is none, or no access to remote files
 */
export async function listRemote(
  uri: string,
  source: ListedSource,
  {
    remote,
    signal,
    writtenIn = writtenInPipeline,
  }: { readonly remote?: RemoteFiles; readonly signal?: AbortSignal; readonly writtenIn?: string },
): Promise<ListedFile[]> {
  if (!remote)
    throw unavailable(
      uri,
      'this worker has no access to S3',
      'Configure S3 for the data workers, or download the files and give their path.',
    );
  if (!/^s3:\/\/[^/]+\/./.test(uri)) throw unavailable(uri, 'it does not name a bucket and a key', 'Write it as s3://<bucket>/<key>.');
  const pattern = filePattern(uri);
  const candidates = await remote.list(pattern ? `${pattern.base}/` : uri, signal);
  const exact = candidates.find((file) => file.uri === uri);
  if (exact && !uri.endsWith('/')) return [listed(exact, '', source)];
  const base = pattern ? pattern.base : uri.replace(/\/+$/, '');
  const matches = pattern ? pattern.matches : (name: string) => fileNamePatterns[source.format].pattern.test(name);
  const found = candidates.filter(({ uri: candidate }) => {
    // A listing by prefix has "data-old/x" for "data" too; and the key "data/" itself, a folder to some tools.
    if (!candidate.startsWith(`${base}/`) || candidate.endsWith('/')) return false;
    const name = candidate.slice(base.length + 1);
    return !name.split('/').some((segment) => isHidden(segment, pattern?.hasUnderscore)) && matches(name);
  });
  if (found.length === 0)
    throw unavailable(
      uri,
      pattern
        ? 'no file matches the pattern'
        : `there is no such file, nor files of the format ${source.format} (${fileNamePatterns[source.format].names}) below it`,
      `Put the files there, or correct ${writtenIn}${pattern ? '' : ', or the format'}.`,
    );
  return found.map((file) => listed(file, base, source)).sort((a, b) => (a.uri < b.uri ? -1 : 1));
}

function listed({ uri, sizeBytes, etag }: RemoteFile, base: string, source: ListedSource): ListedFile {
  const folders =
    base === ''
      ? []
      : uri
          .slice(base.length + 1)
          .split('/')
          .slice(0, -1);
  const partition = isImages(source) || source.hivePartitions === 'ignore' ? undefined : hiveColumns(folders);
  return { uri, sizeBytes, ...(etag === undefined ? {} : { etag }), ...(partition ? { partition } : {}) };
}

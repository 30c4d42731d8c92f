import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { AnnealError } from '../../../contracts/failures.js';
import { isQuery, type SourceSpec } from '../../../contracts/pipeline/source.js';
import type { RemoteFiles } from '../../../contracts/remote-files.js';
import { listFiles } from './list-files.js';
import { resolveSourcePath } from './source-file.js';

/**
 * What tells, at the cost of a look at the directory, whether a source has changed: of each file its name, size and time
 * of the last change, or its etag.
 *
 * A source that cannot be found at the moment (somebody is replacing it) has an identity of its own and is no failure.
 *
 * @param projectRoot absolute directory that relative paths and `npm:` names are resolved from
 * @returns a digest; equal as long as nothing has touched the source
 */
export async function sourceIdentity(source: SourceSpec, projectRoot: string, remote?: RemoteFiles): Promise<string> {
  const tables = isQuery(source) ? Object.values(source.sources) : [source];
  try {
    const seen: unknown[] = [source];
    for (const table of tables) {
      const { files, empty } = await listFiles(table, { projectRoot, ...(remote ? { remote } : {}) });
      seen.push(empty);
      for (const { uri, sizeBytes, etag } of files) seen.push([uri, sizeBytes, etag ?? (await lastChange(uri, projectRoot))]);
    }
    return createHash('sha256').update(JSON.stringify(seen)).digest('hex');
  } catch (error) {
    if (error instanceof AnnealError || (error as NodeJS.ErrnoException).code === 'ENOENT') return 'not there';
    throw error;
  }
}

async function lastChange(uri: string, projectRoot: string): Promise<unknown> {
  if (uri.startsWith('s3://')) return undefined;
  const { mtimeMs, ino } = await stat(await resolveSourcePath(uri, projectRoot));
  return [mtimeMs, ino];
}

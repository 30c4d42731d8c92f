import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { AnnealError } from '../../contracts/failures.js';
import type { SourceSpec } from '../../contracts/pipeline.js';
import { resolveSourcePath } from './source-file.js';

/**
 * What tells, at the cost of a look at the directory, whether a source has changed: path, size and time of the last change.
 *
 * A source that cannot be found at the moment (somebody is replacing it) has an identity of its own and is no failure.
 *
 * @param projectRoot absolute directory that relative paths and `npm:` names are resolved from
 * @returns a digest; equal as long as nothing has touched the source
 */
export async function sourceIdentity(source: SourceSpec, projectRoot: string): Promise<string> {
  try {
    const path = await resolveSourcePath(source.uri, projectRoot);
    const { size, mtimeMs, ino } = await stat(path);
    return createHash('sha256')
      .update(JSON.stringify([source.format, path, size, mtimeMs, ino]))
      .digest('hex');
  } catch (error) {
    if (error instanceof AnnealError || (error as NodeJS.ErrnoException).code === 'ENOENT') return 'not there';
    throw error;
  }
}

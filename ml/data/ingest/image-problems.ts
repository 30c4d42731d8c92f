import type { SnapshotManifest } from '../../../contracts/dataset.js';
import type { DataContext } from '../data-context.js';
import { withDataSession } from '../duckdb-session.js';
import { snapshotRelation } from '../read/snapshot-relation.js';

const shownImages = 3;

/**
 * What somebody should know of the images that could not be decoded; their rows have no image, and the reason as `problem`.
 *
 * @returns undefined when all could
 */
export async function imageProblems(manifest: SnapshotManifest, context: DataContext): Promise<string | undefined> {
  const paths = await Promise.all(manifest.parts.map(({ data }) => context.store.localPath(data)));
  return withDataSession(context, async (session) => {
    const broken = `FROM (${snapshotRelation(paths, manifest)}) WHERE problem IS NOT NULL`;
    const [{ count }] = await session.rows(`SELECT count(*) AS count ${broken}`);
    const images = Number(count);
    if (images === 0) return undefined;
    const first = await session.rows(`SELECT path, problem ${broken} LIMIT ${shownImages}`);
    const shown = first.map(({ path, problem }) => `${String(path)} (${String(problem)})`).join(', ');
    return `${images} image${images === 1 ? ' cannot' : 's cannot'} be used: ${shown}${images > shownImages ? ', …' : ''}`;
  });
}

import type { IngestionPlan, ListedFile } from '../../../contracts/dataset.js';
import { type DataSpec, sizeInBytes } from '../../../contracts/pipeline/data.js';
import { isImages, isQuery, type SourceSpec } from '../../../contracts/pipeline/source.js';
import type { ResolvedWindow } from '../../../contracts/pipeline/window.js';
import type { DataContext } from '../data-context.js';
import { imagesOfPart } from './ingest-images.js';
import { listFiles } from './list-files.js';

/** So many at most, however large the source: the history of a workflow has a limit, partitions do not. */
const maxPartitions = 500;

/**
 * List the files of a source and group them by size into the partitions that are ingested one at a time.
 *
 * Only the names and sizes of files are looked at. The grouping has no effect on the snapshot, whose parts are files
 * (of images: a number of them that depends on their size alone).
 *
 * @throws AnnealError `SourceUnavailable` when there are no files
 */
export async function planIngestion(
  source: SourceSpec,
  window: ResolvedWindow | undefined,
  { partitionSize }: Pick<DataSpec, 'partitionSize'>,
  projectRoot: string,
  { remote, signal, onProgress }: DataContext,
): Promise<IngestionPlan> {
  onProgress?.({ phase: 'list of files' });
  const places = { projectRoot, remote, signal };
  const tables = isQuery(source) ? Object.entries(source.sources) : [[undefined, source] as const];
  const listings = [];
  for (const [table, of] of tables) listings.push({ table, ...(await listFiles(of, places)) });
  const total = listings.reduce((sum, { files }) => sum + sizeOf(files), 0);
  const limit = Math.max(sizeInBytes(partitionSize), Math.ceil((2 * total) / maxPartitions));
  return {
    source,
    ...(window ? { window } : {}),
    partitions: listings.flatMap(({ table, files }) =>
      (isImages(source) ? groupOfParts(files, imagesOfPart(source)) : groupBySize(files, limit)).map((group) => ({
        ...(table === undefined ? {} : { table }),
        files: group,
      })),
    ),
    empty: listings.flatMap(({ empty }) => empty),
  };
}

/** Consecutive files up to a size together; a larger one stays alone. */
export function groupBySize(files: readonly ListedFile[], limitBytes: number): ListedFile[][] {
  const groups: ListedFile[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const file of files) {
    if (size + file.sizeBytes > limitBytes) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(file);
    size += file.sizeBytes;
  }
  return groups;
}

/** Whole parts of so many files; several where there would be too many partitions. */
function groupOfParts(files: readonly ListedFile[], filesOfPart: number): ListedFile[][] {
  const length = filesOfPart * Math.ceil(files.length / filesOfPart / maxPartitions);
  return Array.from({ length: Math.ceil(files.length / length) }, (_, i) => files.slice(i * length, (i + 1) * length));
}

function sizeOf(files: readonly ListedFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

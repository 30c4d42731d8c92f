import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IngestedFile, ListedFile, SnapshotColumn, SnapshotPart } from '../../../contracts/dataset.js';
import type { ImageSource } from '../../../contracts/pipeline/source.js';
import { withScratchDirectory } from '../../scratch-directory.js';
import { type DataContext, earlierWork, isReadable } from '../data-context.js';
import { imageBytes } from '../images/image-shape.js';
import { type ImageFile, type ImageProgress, imagesToParquet } from '../images/images-to-parquet.js';
import { inParallel } from '../images/in-parallel.js';
import { resolveSourcePath, unavailable } from './source-file.js';
import { digestOfFile } from './digest-of-file.js';
import { filePattern } from './place.js';

/** Grows when the same images would give another part. */
const formatVersion = 1;
/** Pixels of one part: DuckDB takes four times that while it writes, within the least `data.memoryLimit`. */
const partBytes = 32 << 20;
const filesAtOnce = 8;
const columns: readonly SnapshotColumn[] = [
  { name: 'path', type: 'VARCHAR' },
  { name: 'label', type: 'VARCHAR' },
  { name: 'image', type: 'BLOB' },
  { name: 'problem', type: 'VARCHAR' },
];

type Identified = ListedFile & Pick<ImageFile, 'path' | 'label'> & { readonly identity: string; readonly file?: string };

/** Images of one part; depends on their size alone, so that equal folders give equal snapshots. */
export function imagesOfPart(source: ImageSource): number {
  return Math.max(1, Math.floor(partBytes / imageBytes(source)));
}

/**
 * Decode images into immutable, content-addressed Parquet parts (see `imagesToParquet`).
 *
 * A part whose images are all the same as before (by their content; in S3 by their etags, without being fetched) is not decoded
 * again. Safe to repeat and to kill: parts that are finished stay.
 *
 * @param files whole parts, apart from the last one
 * @returns an entry for each part
 * @throws AnnealError `SourceUnavailable` when a file is missing
 */
export async function ingestImages(
  files: readonly ListedFile[],
  source: ImageSource,
  projectRoot: string,
  context: DataContext,
): Promise<IngestedFile[]> {
  const length = imagesOfPart(source);
  const ingested: IngestedFile[] = [];
  for (let from = 0; from < files.length; from += length) {
    const part = files.slice(from, from + length);
    context.onProgress?.({ phase: 'digest of the images', rows: from, totalRows: files.length });
    const identified = await inParallel(part, filesAtOnce, (file) => identify(file, source, projectRoot, context), context.signal);
    ingested.push(await ingestPart(identified, source, context));
  }
  return ingested;
}

async function identify(file: ListedFile, source: ImageSource, projectRoot: string, context: DataContext): Promise<Identified> {
  const path = pathBelow(file.uri, source);
  const label = path.includes('/') ? path.split('/', 1)[0] : null;
  if (file.uri.startsWith('s3://')) return { ...file, path, label, identity: JSON.stringify([file.uri, file.etag, file.sizeBytes]) };
  const local = await resolveSourcePath(file.uri, projectRoot);
  return { ...file, path, label, file: local, identity: await digestOfFile(file.uri, local, context.signal) };
}

/** What an image is called: its name below the place in `source.uri` that means it. */
function pathBelow(uri: string, source: ImageSource): string {
  const bases = [source.uri].flat().map((place) => (filePattern(place)?.base ?? place).replace(/\/+$/, ''));
  const base = bases.filter((candidate) => uri.startsWith(`${candidate}/`)).sort((a, b) => b.length - a.length)[0];
  const path = base === undefined ? (uri.split('/').at(-1) ?? uri) : uri.slice(base.length + 1);
  return uri.startsWith('file:') ? fileURLToPath(`file:///${path}`).slice(1) : path;
}

async function ingestPart(files: readonly Identified[], source: ImageSource, context: DataContext): Promise<IngestedFile> {
  const { store, onProgress, signal, memoryLimitBytes } = context;
  const { height, width, channels, fit } = source;
  const key = [formatVersion, height, width, channels, fit, files.map(({ path, label, identity }) => [path, label, identity])];
  const sha256 = createHash('sha256').update(JSON.stringify(key)).digest('hex');
  const pointer = `snapshots/images/${sha256}`;
  const known = await knownPart(pointer, context);
  const part = known ?? (await withFiles(files, context, (local, scratch) => write(local, join(scratch, 'part.parquet'))));
  if (!known) await store.setPointer(pointer, await store.putJson(part));
  const [first] = files;
  const uri = files.length === 1 ? first.uri : `${first.uri} and ${files.length - 1} more`;
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { source: { uri, sha256, sizeBytes }, part, columns, reused: known !== undefined };

  async function write(local: readonly ImageFile[], path: string): Promise<SnapshotPart> {
    const report = ({ images }: ImageProgress) => onProgress?.({ phase: 'images', rows: images, totalRows: local.length });
    const { rows } = await imagesToParquet(local, source, path, { signal, memoryLimitBytes, onProgress: report });
    return { data: await store.putFile(path), rows };
  }
}

async function knownPart(pointer: string, context: DataContext): Promise<SnapshotPart | undefined> {
  const ref = await earlierWork(context, pointer);
  if (!ref || !(await isReadable(context, [ref]))) return undefined;
  const part = await context.store.readJson<SnapshotPart>(ref);
  return (await isReadable(context, [part.data])) ? part : undefined;
}

/** Run `work` with all files on this machine, and a directory that is removed afterwards. */
async function withFiles<T>(
  files: readonly Identified[],
  { scratchRoot, remote, signal }: DataContext,
  work: (files: readonly ImageFile[], scratch: string) => Promise<T>,
): Promise<T> {
  return withScratchDirectory(scratchRoot, async (scratch) => {
    const bring = async ({ uri, path, label, file }: Identified, index: number): Promise<ImageFile> => {
      if (file !== undefined) return { path, label, file };
      if (!remote) throw unavailable(uri, 'this worker has no access to S3', 'Configure S3 for all data workers, or download the images.');
      const fetched = join(scratch, `image-${index}`);
      await remote.fetch(uri, fetched, signal);
      return { path, label, file: fetched };
    };
    return work(await inParallel(files, filesAtOnce, bring, signal), scratch);
  });
}

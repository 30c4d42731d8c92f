import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchPlan, BatchRequest, PlannedFile, PlannedPartition } from '../../contracts/batch.js';
import type { ListedFile, SnapshotColumn } from '../../contracts/dataset.js';
import type { ModelManifest } from '../../contracts/model.js';
import type { ServedVersion } from '../../contracts/serving.js';
import type { DataContext } from '../data/data-context.js';
import { type DataSession, isResourceFailure, withDataSession } from '../data/duckdb-session.js';
import { fileRelation, unreadable } from '../data/ingest/file-relation.js';
import { describe } from '../data/ingest/ingest-files.js';
import { listFiles } from '../data/ingest/list-files.js';
import { typings } from '../data/ingest/unify-columns.js';
import { resolveSourcePath } from '../data/ingest/source-file.js';
import { pathLiteral } from '../data/sql-quoting.js';
import { AnnealError } from '../../contracts/failures.js';
import { batchIdentity } from './batch-identity.js';
import { keptColumns } from './output-columns.js';
import { readInputs } from './input-reading.js';

/** A row group of a Parquet file is read as a whole, so a part of few bytes is not worth its reading. */
const partitionBytes = 64 << 20;

/**
 * List the input of a job and divide it: a partition for each file, and for each `partitionRows` rows (fewer where these are
 * wide) of a local Parquet file.
 *
 * The columns of every Parquet, CSV and TSV file are looked at, of other formats and in S3 those of the first one: to know
 * them, a file must be read. What does not fit in another is told by the partition that meets it.
 *
 * @throws AnnealError `SourceUnavailable` when there are no files or one cannot be read, `InvalidRequest` when one lacks a
 *   column that the model needs
 */
export async function planBatch(
  request: BatchRequest,
  version: ServedVersion,
  manifest: ModelManifest,
  projectRoot: string,
  context: DataContext,
): Promise<BatchPlan> {
  const { remote, signal, onProgress } = context;
  onProgress?.({ phase: 'list of files' });
  const { files, empty } = await listFiles(request.source, { projectRoot, writtenIn: '--input', remote, signal });
  const planned: PlannedFile[] = [];
  const partitions: PlannedPartition[] = [];
  await withDataSession(context, async (session) => {
    for (const [i, file] of files.entries()) {
      onProgress?.({ phase: 'columns of the files', rows: i, totalRows: files.length });
      const { columns, ...facts } = await look(session, file, request, projectRoot, context, i === 0);
      if (columns) {
        const { source, keep, rejectOutOfRange } = request;
        readInputs(file.uri, manifest, columns, typings[source.format], rejectOutOfRange);
        keptColumns(file.uri, manifest, columns, keep);
      }
      planned.push(facts);
      partitions.push(...partitionsOf(i, facts, columns, request.partitionRows));
    }
  });
  return { formatVersion: 1, identity: batchIdentity(request), version, files: planned, partitions, empty, typedInputs: true };
}

/** Consecutive ranges of about equal length. Pure. */
export function partitionsOf(
  file: number,
  { rows, sizeBytes }: Pick<PlannedFile, 'rows' | 'sizeBytes'>,
  columns: readonly SnapshotColumn[] | undefined,
  partitionRows: number,
): PlannedPartition[] {
  // The numbers of rows are counted by a virtual column, which a column of the name hides.
  const canDivide = rows !== undefined && rows > 0 && !columns?.some(({ name }) => name.toLowerCase() === 'file_row_number');
  if (!canDivide) return [{ file }];
  const count = Math.min(rows, Math.max(Math.ceil(rows / partitionRows), Math.ceil(sizeBytes / partitionBytes)));
  if (count === 1) return [{ file }];
  return Array.from({ length: count }, (_, i) => ({
    file,
    rows: [Math.floor((i * rows) / count), Math.floor(((i + 1) * rows) / count)] as const,
  }));
}

async function look(
  session: DataSession,
  file: ListedFile,
  { source }: BatchRequest,
  projectRoot: string,
  context: DataContext,
  isFirst: boolean,
): Promise<PlannedFile & { readonly columns?: SnapshotColumn[] }> {
  const isRemote = file.uri.startsWith('s3://');
  const isCheap = !isRemote && ['parquet', 'csv', 'tsv'].includes(source.format);
  const path = isRemote ? join(session.scratch, 'fetched') : await resolveSourcePath(file.uri, projectRoot);
  const facts: PlannedFile = { ...file, ...(isRemote ? {} : { modifiedMs: (await stat(path)).mtimeMs }) };
  if (!isCheap && !isFirst) return facts;
  if (isRemote) await context.remote!.fetch(file.uri, path, context.signal);
  try {
    const { sql } = await fileRelation(session, source, { uri: file.uri, path }, 'planned', context);
    const columns = withFolders(await describe(session, sql), file);
    if (isRemote || source.format !== 'parquet') return { ...facts, columns };
    const [{ rows }] = await session.rows(`SELECT num_rows AS rows FROM parquet_file_metadata(${pathLiteral(path)})`);
    return { ...facts, rows: Number(rows), columns };
  } catch (error) {
    if (context.signal?.aborted || error instanceof AnnealError || isResourceFailure(error)) throw error;
    throw unreadable(source, { uri: file.uri, path }, error);
  }
}

/** A file's own columns, and those that its folders stand for. */
export function withFolders(columns: readonly SnapshotColumn[], { partition = {} }: Pick<ListedFile, 'partition'>): SnapshotColumn[] {
  const own = new Set(columns.map(({ name }) => name.toLowerCase()));
  const added = Object.keys(partition).filter((name) => !own.has(name.toLowerCase()));
  return [...columns, ...added.map((name) => ({ name, type: 'VARCHAR' }))];
}

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { IngestedFile, ListedFile, SnapshotColumn } from '../../../contracts/dataset.js';
import { AnnealError } from '../../../contracts/failures.js';
import type { FileSource, NamedSource } from '../../../contracts/pipeline/source.js';
import type { ResolvedWindow } from '../../../contracts/pipeline/window.js';
import { type DataContext, earlierWork, isReadable } from '../data-context.js';
import { type DataSession, isResourceFailure, withDataSession } from '../duckdb-session.js';
import { assertUnchanged, fingerprint, resolveSourcePath, type SourceFile, unavailable } from './source-file.js';
import { identifier, pathLiteral, textLiteral } from '../sql-quoting.js';
import type { Relation } from './delimited-relation.js';
import { fileRelation, unreadable } from './file-relation.js';
import { windowFilter } from './window-filter.js';

/** Grows when the same file would give another part. */
const formatVersion = 1;

/** How files are read. */
export interface FileReading {
  readonly source: FileSource | NamedSource;
  readonly window?: ResolvedWindow;
  /** Absolute directory that relative paths and `npm:` names are resolved from. */
  readonly projectRoot: string;
}

type Stored = Pick<IngestedFile, 'part' | 'columns'> & { readonly sha256: string; readonly sizeBytes: number };

/**
 * Copy files into immutable, content-addressed Parquet parts, one each.
 *
 * A file whose content was ingested before in the same way is recognized by its digest (a remote one by its etag, without
 * being fetched) and not read again. Safe to repeat and to kill: what was finished file by file stays.
 *
 * @returns in the order of the files
 * @throws AnnealError `SourceUnavailable` when a file is missing, damaged, of another format, or changes while it is read
 */
export async function ingestFiles(files: readonly ListedFile[], reading: FileReading, context: DataContext): Promise<IngestedFile[]> {
  const { onProgress } = context;
  const says = (what: string, i: number) => (files.length === 1 ? what : `${what}, file ${i + 1} of ${files.length}`);
  const found: { known?: IngestedFile; local?: SourceFile }[] = [];
  for (const [i, file] of files.entries()) {
    onProgress?.({ phase: says('digest of the source', i) });
    found.push(file.uri.startsWith('s3://') ? { known: await knownRemote(file, reading, context) } : await lookUp(file, reading, context));
  }
  // Nothing is opened where everything is known.
  if (found.every(({ known }) => known)) return found.map(({ known }) => known!);
  return withDataSession(context, async (session) => {
    const ingested: IngestedFile[] = [];
    for (const [i, file] of files.entries()) {
      const { known, local } = found[i];
      onProgress?.({ phase: says('snapshot', i) });
      if (known) ingested.push(known);
      else if (local) ingested.push(await ingestFile(session, file, local, reading, context));
      else ingested.push(await ingestRemote(session, file, reading, context));
    }
    return ingested;
  });
}

async function lookUp(file: ListedFile, reading: FileReading, context: DataContext): Promise<{ known?: IngestedFile; local: SourceFile }> {
  const local = await fingerprint(file.uri, await resolveSourcePath(file.uri, reading.projectRoot), context.signal);
  return { known: await knownPart(contentPointer(file, local.sha256, reading), file, context), local };
}

/** Fetched, read and removed again: what stays is the part. */
async function ingestRemote(session: DataSession, file: ListedFile, reading: FileReading, context: DataContext): Promise<IngestedFile> {
  return withFolder(session, async (folder) => {
    const path = join(folder, 'fetched');
    await context.remote!.fetch(file.uri, path, context.signal);
    const local = await fingerprint(file.uri, path, context.signal);
    const pointer = contentPointer(file, local.sha256, reading);
    const ingested = (await knownPart(pointer, file, context)) ?? (await ingestFile(session, file, local, reading, context));
    const ref = await context.store.getPointer(pointer);
    if (ref && file.etag !== undefined) await context.store.setPointer(remotePointer(file, reading), ref);
    return ingested;
  });
}

/**
 * Run `work` with a directory of its own, which is removed afterwards.
 *
 * DuckDB remembers the columns of a Parquet file by its path, size and time: two files written to one path within a
 * second would be taken for the same.
 */
async function withFolder<T>(session: DataSession, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(session.scratch, 'file-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function knownRemote(file: ListedFile, reading: FileReading, context: DataContext): Promise<IngestedFile | undefined> {
  if (!context.remote)
    throw unavailable(file.uri, 'this worker has no access to S3', 'Configure S3 for all data workers, or download the files.');
  return file.etag === undefined ? Promise.resolve(undefined) : knownPart(remotePointer(file, reading), file, context);
}

function contentPointer(file: ListedFile, sha256: string, reading: FileReading): string {
  return `snapshots/${digest([formatVersion, sha256, readingKey(file, reading)])}`;
}

function remotePointer(file: ListedFile, reading: FileReading): string {
  return `snapshots/remote/${digest([formatVersion, file.uri, file.etag, file.sizeBytes, readingKey(file, reading)])}`;
}

function readingKey({ uri, partition }: ListedFile, { source, window }: FileReading): unknown {
  const { uri: _, unionByName: __, hivePartitions: ___, ...options } = source;
  // The name of a file has a say in how it is decompressed.
  const ending = /\.(gz|zstd?)$/i.exec(uri)?.[0];
  return [{ ...options, window: undefined, types: undefined }, ending, partition, window];
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

async function knownPart(pointer: string, file: ListedFile, context: DataContext): Promise<IngestedFile | undefined> {
  const ref = await earlierWork(context, pointer);
  // A part that was damaged or cleaned away is made again.
  if (!ref || !(await isReadable(context, [ref]))) return undefined;
  const stored = await context.store.readJson<Stored>(ref);
  if (stored.part && !(await isReadable(context, [stored.part.data]))) return undefined;
  return ingestedFile(file, stored, true);
}

function ingestedFile({ uri, partition }: ListedFile, { sha256, sizeBytes, part, columns }: Stored, reused: boolean): IngestedFile {
  return { source: { uri, sha256, sizeBytes }, ...(part ? { part } : {}), columns, ...(partition ? { partition } : {}), reused };
}

async function ingestFile(
  session: DataSession,
  file: ListedFile,
  local: SourceFile,
  reading: FileReading,
  context: DataContext,
): Promise<IngestedFile> {
  const { sha256, sizeBytes } = local;
  return withFolder(session, async (folder) => {
    const path = join(folder, 'part.parquet');
    const { rows, columns } = await writePart(session, file, local, reading, context, path);
    await assertUnchanged(file.uri, local);
    const part = rows === 0 ? undefined : { data: await context.store.putFile(path), rows };
    const stored: Stored = { sha256, sizeBytes, ...(part ? { part } : {}), columns };
    await context.store.setPointer(contentPointer(file, sha256, reading), await context.store.putJson(stored));
    context.onProgress?.({ phase: 'snapshot', rows, totalRows: rows });
    return ingestedFile(file, stored, false);
  });
}

async function writePart(
  session: DataSession,
  file: ListedFile,
  { path: from }: SourceFile,
  { source, window }: FileReading,
  context: DataContext,
  path: string,
): Promise<{ rows: number; columns: SnapshotColumn[] }> {
  const readable = { uri: file.uri, path: from };
  let relation: Relation = { sql: '' };
  try {
    relation = await fileRelation(session, source, readable, join(basename(dirname(path)), 'decoded'), context);
    const selected = await selection(session, file, relation.sql, window);
    const verified = relation.verify?.();
    // Waited for below; DuckDB may fail first.
    verified?.catch(() => undefined);
    await session.run(`COPY (${selected}) TO ${textLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
    await verified;
  } catch (error) {
    if (context.signal?.aborted || error instanceof AnnealError || isResourceFailure(error)) throw error;
    throw unreadable(source, readable, error, relation.skippedLines);
  }
  const part = `read_parquet(${pathLiteral(path)}, hive_partitioning = false)`;
  const [{ rows }] = await session.rows(`SELECT count(*) AS rows FROM ${part}`);
  return { rows: Number(rows), columns: await describe(session, part) };
}

/** The rows of the window, with the values of the folders as columns of text. */
async function selection(session: DataSession, file: ListedFile, relation: string, window?: ResolvedWindow): Promise<string> {
  const folders = Object.entries(file.partition ?? {});
  if (folders.length === 0 && !window) return `SELECT * FROM ${relation}`;
  const own = await describe(session, relation);
  const added = folders.filter(([key]) => !own.some(({ name }) => name.toLowerCase() === key.toLowerCase()));
  const constants = added.map(([key, value]) => `CAST(${value === null ? 'NULL' : textLiteral(value)} AS VARCHAR) AS ${identifier(key)}`);
  const rows = `SELECT ${['*', ...constants].join(', ')} FROM ${relation}`;
  if (!window) return rows;
  const columns = [...own, ...added.map(([name]) => ({ name, type: 'VARCHAR' }))];
  return `SELECT * FROM (${rows}) WHERE ${windowFilter(file.uri, columns, window)}`;
}

export async function describe(session: DataSession, relation: string): Promise<SnapshotColumn[]> {
  const columns = await session.rows(`DESCRIBE SELECT * FROM ${relation}`);
  return columns.map((column) => ({ name: String(column.column_name), type: String(column.column_type) }));
}

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Snapshot, SnapshotManifest, SnapshotPart } from '../../contracts/dataset.js';
import { AnnealError } from '../../contracts/failures.js';
import type { SourceSpec } from '../../contracts/pipeline.js';
import { type DataContext, earlierWork, isReadable } from './data-context.js';
import { csvReason, type DataSession, firstLine, isResourceFailure, withDataSession } from './duckdb-session.js';
import { assertUnchanged, fingerprint, resolveSourcePath, type SourceFile, unavailable } from './source-file.js';
import { pathLiteral, textLiteral } from './sql-quoting.js';

/** Grows when the same source would give another snapshot. */
const formatVersion = 1;

/**
 * How each format is read. CSV stays text here, since only the pipeline knows which columns are numbers ("01234" may
 * be a postal code); `validateDataset` reads it as what the pipeline says.
 */
const readers: Readonly<Record<SourceSpec['format'], (path: string) => string>> = {
  parquet: (path) => `read_parquet(${path}, hive_partitioning = false)`,
  csv: (path) => `read_csv(${path}, all_varchar = true, header = true, hive_partitioning = false)`,
  json: (path) => `read_json(${path}, sample_size = -1, hive_partitioning = false)`,
};

const typing: Readonly<Record<SourceSpec['format'], SnapshotManifest['typing']>> = { parquet: 'strong', csv: 'text', json: 'json' };

/**
 * Copy a source into an immutable, content-addressed Parquet snapshot with a manifest.
 *
 * A source whose content was ingested before is recognized by its digest and not read again. Safe to repeat and to
 * kill: the store sees the snapshot whole or not at all, and equal sources give equal digests.
 *
 * @param projectRoot absolute directory that relative paths and `npm:` names are resolved from
 * @throws AnnealError `SourceUnavailable` when the file is missing, empty, damaged, of another format, or has no rows
 */
export async function ingestSource(source: SourceSpec, projectRoot: string, context: DataContext): Promise<Snapshot> {
  const { store, signal, onProgress } = context;
  onProgress?.({ phase: 'digest of the source' });
  const file = await fingerprint(source.uri, await resolveSourcePath(source.uri, projectRoot), signal);
  const pointer = `snapshots/${snapshotKey(source, file)}`;

  const known = await knownSnapshot(pointer, source, context);
  if (known) return known;

  return withDataSession(context, async (session) => {
    onProgress?.({ phase: 'snapshot' });
    const path = join(session.scratch, 'snapshot.parquet');
    const { rows, columns } = await writeSnapshot(session, source, file, path);
    await assertUnchanged(source.uri, file);
    const parts = [{ data: await store.putFile(path), rows }];
    const manifest: SnapshotManifest = {
      formatVersion,
      sources: [{ uri: source.uri, sha256: file.sha256, sizeBytes: file.sizeBytes }],
      parts,
      rows,
      typing: typing[source.format],
      columns,
    };
    const manifestRef = await store.putJson(manifest);
    await store.setPointer(pointer, manifestRef);
    onProgress?.({ phase: 'snapshot', rows, totalRows: rows });
    return { manifest: manifestRef, digest: digestOf(parts), rows, reused: false };
  });
}

function snapshotKey(source: SourceSpec, file: SourceFile): string {
  const reader = readers[source.format]('path');
  return createHash('sha256')
    .update(JSON.stringify([formatVersion, file.sha256, source.format, reader]))
    .digest('hex');
}

async function knownSnapshot(pointer: string, source: SourceSpec, context: DataContext): Promise<Snapshot | undefined> {
  const { store } = context;
  const ref = await earlierWork(context, pointer);
  // A snapshot that was damaged or cleaned away is made again.
  if (!ref || !(await isReadable(context, [ref]))) return undefined;
  const manifest = await store.readJson<SnapshotManifest>(ref);
  const { parts } = manifest;
  if (
    !(await isReadable(
      context,
      parts.map(({ data }) => data),
    ))
  )
    return undefined;
  // The same bytes may have come from another place before.
  const [identity] = manifest.sources;
  const isSamePlace = identity.uri === source.uri;
  const manifestRef = isSamePlace ? ref : await store.putJson({ ...manifest, sources: [{ ...identity, uri: source.uri }] });
  return { manifest: manifestRef, digest: digestOf(parts), rows: manifest.rows, reused: true };
}

function digestOf(parts: readonly SnapshotPart[]): string {
  return createHash('sha256')
    .update(JSON.stringify(parts.map(({ data }) => data.sha256)))
    .digest('hex');
}

async function writeSnapshot(
  session: DataSession,
  source: SourceSpec,
  file: SourceFile,
  path: string,
): Promise<Pick<SnapshotManifest, 'rows' | 'columns'>> {
  const relation = readers[source.format](pathLiteral(file.path));
  try {
    await session.run(`COPY (SELECT * FROM ${relation}) TO ${textLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
  } catch (error) {
    if (error instanceof AnnealError || isResourceFailure(error)) throw error;
    const reason = (source.format === 'csv' ? csvReason(error) : firstLine(error)).replaceAll(file.path, source.uri);
    throw unavailable(
      source.uri,
      `it is not readable as ${source.format} (${reason})`,
      'The file may be cut short, damaged, or of another format: write it again, or correct source.format.',
      error,
    );
  }
  const snapshot = `read_parquet(${pathLiteral(path)})`;
  const [{ rows }] = await session.rows(`SELECT count(*) AS rows FROM ${snapshot}`);
  if (Number(rows) === 0) {
    throw unavailable(
      source.uri,
      'it has no rows',
      'Check how the file was made: a header alone, or an empty list, is nothing to learn from.',
    );
  }
  const columns = await session.rows(`DESCRIBE SELECT * FROM ${snapshot}`);
  return {
    rows: Number(rows),
    columns: columns.map((column) => ({ name: String(column.column_name), type: String(column.column_type) })),
  };
}

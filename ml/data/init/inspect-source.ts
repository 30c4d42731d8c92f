import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '../../../contracts/artifact-store.js';
import type { SnapshotManifest } from '../../../contracts/dataset.js';
import { type FileSource, sourceSpec } from '../../../contracts/pipeline/source.js';
import { withDataSession } from '../duckdb-session.js';
import { ingestSource } from '../ingest/ingest-source.js';
import { resolveSourcePath } from '../source-file.js';
import { type ColumnFacts, inspectColumns } from './column-facts.js';
import { formatOfName, sniffSource, type SniffedSource } from './sniff-source.js';

export interface InspectedSource {
  /** As the pipeline says it, with the uri that the user wrote. */
  readonly source: FileSource;
  readonly rows: number;
  readonly columns: readonly ColumnFacts[];
}

/**
 * Find out how a source is read, read it as a pipeline would, and look at its columns.
 *
 * @param uri a file, a folder or a pattern
 * @param projectRoot directory that relative paths and `npm:` names are resolved from
 * @param storeAt makes an artifact store in a directory, which is removed at the end
 * @throws AnnealError `SourceUnavailable` when it cannot be read
 */
export async function inspectSource(
  { uri, format, column }: { readonly uri: string; readonly format?: FileSource['format']; readonly column?: string },
  projectRoot: string,
  scratchRoot: string,
  storeAt: (directory: string) => ArtifactStore,
): Promise<InspectedSource> {
  const directory = await mkdtemp(join(scratchRoot, 'anneal-init-'));
  try {
    const store = storeAt(join(directory, 'store'));
    const context = { store, scratchRoot: directory };
    const how = format === undefined ? await sniff(uri, projectRoot, directory, column) : { format };
    const source = sourceSpec.parse({ ...how, uri }) as FileSource;
    const snapshot = await ingestSource(source, projectRoot, context);
    const manifest = await store.readJson<SnapshotManifest>(snapshot.manifest);
    const paths = await Promise.all(manifest.parts.map(({ data }) => store.localPath(data)));
    const columns = await withDataSession(context, (session) => inspectColumns(session, paths, manifest));
    return { source, rows: manifest.rows, columns };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function sniff(uri: string, projectRoot: string, scratchRoot: string, column?: string): Promise<SniffedSource> {
  // Of a folder or a pattern only the name is looked at; its files have one format.
  const isSeveral = /[*?[{]|\/$/.test(uri) || uri.startsWith('s3:');
  if (isSeveral) return { format: formatOfName(uri) ?? 'parquet' };
  const path = await resolveSourcePath(uri, projectRoot);
  return withDataSession({ scratchRoot }, (session) => sniffSource(session, uri, path, column));
}

import type { Snapshot, SnapshotManifest } from '../../../contracts/dataset.js';
import { type FileSource, sourceSpec, type SourceSpec } from '../../../contracts/pipeline/source.js';
import type { DataContext } from '../data-context.js';
import { withDataSession } from '../duckdb-session.js';
import { ingestSource } from '../ingest/ingest-source.js';
import { resolveSourcePath } from '../source-file.js';
import { type ColumnFacts, inspectColumns } from './column-facts.js';
import { mendSource } from './mend-source.js';
import { formatOfName, sniffSource, type SniffedSource } from './sniff-source.js';
import { unusualValues, type UnusualValues } from './unusual-values.js';

export interface InspectedSource {
  /** As the pipeline says it, with the uri that the user wrote. */
  readonly source: SourceSpec;
  /** Why it is read so, where the file's name does not say it. */
  readonly remark?: string;
  readonly snapshot: Snapshot;
  readonly columns: readonly ColumnFacts[];
}

/**
 * Find out how a source is read, read it as a pipeline would, and look at its columns.
 *
 * @param uri a file, a folder or a pattern
 * @param projectRoot directory that relative paths and `npm:` names are resolved from
 * @throws AnnealError `SourceUnavailable` when it cannot be read
 */
export async function inspectSource(
  { uri, format, column }: { readonly uri: string; readonly format?: FileSource['format']; readonly column?: string },
  projectRoot: string,
  context: DataContext,
): Promise<InspectedSource> {
  const how = format === undefined ? await sniff(uri, projectRoot, context, column) : { format };
  const source = sourceSpec.parse({ ...how, uri }) as FileSource;
  const first = await look(source, projectRoot, context);
  const mended = mendSource(source, first.unusual);
  if (mended.source === source) return { source, snapshot: first.snapshot, columns: first.columns };
  const { snapshot, columns } = await look(mended.source, projectRoot, context);
  return { ...mended, snapshot, columns };
}

async function look(
  source: SourceSpec,
  projectRoot: string,
  context: DataContext,
): Promise<{ readonly snapshot: Snapshot; readonly columns: ColumnFacts[]; readonly unusual: UnusualValues }> {
  const snapshot = await ingestSource(source, projectRoot, context);
  const manifest = await context.store.readJson<SnapshotManifest>(snapshot.manifest);
  const paths = await Promise.all(manifest.parts.map(({ data }) => context.store.localPath(data)));
  return withDataSession(context, async (session) => {
    const columns = await inspectColumns(session, paths, manifest);
    return { snapshot, columns, unusual: await unusualValues(session, columns, manifest.typing) };
  });
}

async function sniff(uri: string, projectRoot: string, { scratchRoot }: DataContext, column?: string): Promise<SniffedSource> {
  // Of a folder or a pattern only the name is looked at; its files have one format.
  const isSeveral = /[*?[{]|\/$/.test(uri) || uri.startsWith('s3:');
  if (isSeveral) return { format: formatOfName(uri) ?? 'parquet' };
  const path = await resolveSourcePath(uri, projectRoot);
  return withDataSession({ scratchRoot }, (session) => sniffSource(session, uri, path, column));
}

import { createHash } from 'node:crypto';
import type { IngestedFile, IngestionPlan, Snapshot, SnapshotManifest } from '../../../contracts/dataset.js';
import {
  describeSource,
  type FileSource,
  type ImageSource,
  isImages,
  isQuery,
  type NamedSource,
} from '../../../contracts/pipeline/source.js';
import type { ResolvedWindow } from '../../../contracts/pipeline/window.js';
import type { DataContext } from '../data-context.js';
import { imageProblems } from './image-problems.js';
import { tableSource } from './ingest-partition.js';
import { noRows } from './no-rows.js';
import { runQuery } from './run-query.js';
import { typings, unifyColumns } from './unify-columns.js';

/**
 * Make one snapshot of the files that were ingested; of a query, run it over them.
 *
 * Equal files in equal order give equal digests, however they were grouped and whoever ingested them. Safe to repeat.
 *
 * @param ingested for each partition of the plan the result of `ingestPartition`
 * @throws AnnealError `SourceUnavailable` when the files do not go together, or there are no rows
 */
export async function sealSnapshot(
  plan: IngestionPlan,
  ingested: readonly (readonly IngestedFile[])[],
  context: DataContext,
): Promise<Snapshot> {
  const { source, window, partitions, empty } = plan;
  const filesOf = (table?: string) => ingested.flatMap((files, i) => (partitions[i].table === table ? files : []));
  let manifest: SnapshotManifest;
  let isKnown = ingested.flat().every(({ reused }) => reused);
  if (isQuery(source)) {
    const tables = Object.keys(source.sources).map((name) => {
      const of = tableSource(plan, name);
      return { name, source: source.sources[name], manifest: manifestOf(of, filesOf(name), name) };
    });
    const result = await runQuery(source.query, tables, window, context);
    manifest = result.manifest;
    isKnown &&= result.reused;
  } else manifest = manifestOf(source, filesOf(), undefined, window);
  const { parts, columns, rows } = manifest;
  const broken = isImages(source) ? await imageProblems(manifest, context) : undefined;
  const notes = [...(empty.length > 0 ? [emptyNote(empty)] : []), ...(broken === undefined ? [] : [broken])];
  return {
    manifest: await context.store.putJson(manifest),
    digest: createHash('sha256')
      .update(JSON.stringify([parts.map(({ data }) => data.sha256), columns]))
      .digest('hex'),
    rows,
    reused: isKnown,
    ...(notes.length > 0 ? { notes } : {}),
  };
}

function manifestOf(
  source: FileSource | ImageSource | NamedSource,
  files: readonly IngestedFile[],
  table?: string,
  window?: ResolvedWindow,
): SnapshotManifest {
  const columns = unifyColumns(source, files);
  const key = JSON.stringify(columns);
  const parts = files.flatMap(({ part, columns: own }) => (part ? [JSON.stringify(own) === key ? part : { ...part, columns: own }] : []));
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  // A query may well find nothing in one of its tables.
  if (rows === 0 && table === undefined) throw noRows(describeSource(source as FileSource | ImageSource), window);
  return {
    formatVersion: 1,
    sources: files.map((file) => file.source),
    parts,
    rows,
    typing: typings[source.format],
    columns,
    ...(window ? { window } : {}),
  };
}

function emptyNote(empty: readonly string[]): string {
  const shown = empty.slice(0, 3).join(', ');
  return `${empty.length} empty file${empty.length === 1 ? ' was' : 's were'} left out: ${shown}${empty.length > 3 ? ', …' : ''}`;
}

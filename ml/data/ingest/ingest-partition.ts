import type { IngestedFile, IngestionPlan } from '../../../contracts/dataset.js';
import { type FileSource, type ImageSource, isImages, isQuery, type NamedSource } from '../../../contracts/pipeline/source.js';
import type { DataContext } from '../data-context.js';
import { ingestFiles } from './ingest-files.js';
import { ingestImages } from './ingest-images.js';

/**
 * Ingest the files of one partition of a plan. Safe to repeat and to kill: files that are done stay done.
 *
 * @throws AnnealError `SourceUnavailable` when a file cannot be used
 */
export function ingestPartition(
  plan: IngestionPlan,
  partition: number,
  projectRoot: string,
  context: DataContext,
): Promise<IngestedFile[]> {
  const { table, files } = plan.partitions[partition];
  const source = tableSource(plan, table);
  if (isImages(source)) return ingestImages(files, source, projectRoot, context);
  // The window of a query is one on its result.
  const window = table === undefined && plan.window ? { window: plan.window } : {};
  return ingestFiles(files, { source, projectRoot, ...window }, context);
}

export function tableSource({ source }: IngestionPlan, table: string | undefined): FileSource | ImageSource | NamedSource {
  return isQuery(source) ? source.sources[table!] : source;
}

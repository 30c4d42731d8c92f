import type { IngestionPlan, Snapshot } from '../../../contracts/dataset.js';
import { dataSpec } from '../../../contracts/pipeline/data.js';
import type { SourceSpec } from '../../../contracts/pipeline/source.js';
import type { ResolvedWindow } from '../../../contracts/pipeline/window.js';
import type { DataContext } from '../data-context.js';
import { ingestPartition } from './ingest-partition.js';
import { planIngestion } from './plan-ingestion.js';
import { sealSnapshot } from './seal-snapshot.js';

/**
 * Copy a source into an immutable, content-addressed Parquet snapshot with a manifest, here and now.
 *
 * Safe to repeat and to kill: the store sees the snapshot whole or not at all, and equal sources give equal digests. What
 * was ingested before is not read again.
 *
 * @param projectRoot absolute directory that relative paths and `npm:` names are resolved from
 * @throws AnnealError `SourceUnavailable` when a file is missing, empty, damaged, of another format, or there are no rows;
 *   `InvalidPipeline` when a query cannot be run
 */
export async function ingestSource(
  source: SourceSpec,
  projectRoot: string,
  context: DataContext,
  window?: ResolvedWindow,
): Promise<Snapshot> {
  return ingestPlan(await planIngestion(source, window, dataSpec.parse({}), projectRoot, context), projectRoot, context);
}

/** All partitions of a plan, one after the other. */
export async function ingestPlan(plan: IngestionPlan, projectRoot: string, context: DataContext): Promise<Snapshot> {
  const ingested = [];
  for (const partition of plan.partitions.keys()) ingested.push(await ingestPartition(plan, partition, projectRoot, context));
  return sealSnapshot(plan, ingested, context);
}

import type { DataActivities } from '../contracts/activities.js';
import type { IngestedFile, IngestionPlan } from '../contracts/dataset.js';
import { sizeInBytes } from '../contracts/pipeline/data.js';
import { ingestPartition } from '../ml/data/ingest/ingest-partition.js';
import { ingestPlan } from '../ml/data/ingest/ingest-source.js';
import { planIngestion } from '../ml/data/ingest/plan-ingestion.js';
import { sealSnapshot } from '../ml/data/ingest/seal-snapshot.js';
import { type DataDependencies, installationRoot, runDataStage } from './data-stage.js';
import { withActivityFailures } from './failures.js';

type IngestActivities = Pick<DataActivities, 'ingestSource' | 'ingestPartition' | 'sealSnapshot'>;

/** The activities of queue `anneal-data` that make an immutable snapshot of a source; files that are known are not read again. */
export function createIngestActivities(dependencies: DataDependencies): IngestActivities {
  const projectRoot = dependencies.projectRoot ?? installationRoot;
  return withActivityFailures<IngestActivities>({
    ingestSource: ({ source, window, data }) =>
      runDataStage(
        dependencies,
        async (context) => {
          const plan = await planIngestion(source, window, data, projectRoot, context);
          const files = plan.partitions.flatMap((partition) => partition.files);
          const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
          // The small tables of a query are partitions, too, and not worth an activity each.
          if (plan.partitions.length === 1 || sizeBytes <= sizeInBytes(data.partitionSize))
            return { snapshot: await ingestPlan(plan, projectRoot, context) };
          return {
            plan: {
              plan: await context.store.putJson(plan),
              partitions: plan.partitions.length,
              files: files.length,
              sizeBytes,
            },
          };
        },
        data,
      ),
    ingestPartition: ({ plan, partition, data }) =>
      runDataStage(
        dependencies,
        async (context) => {
          const planned = await context.store.readJson<IngestionPlan>(plan);
          return { files: await context.store.putJson(await ingestPartition(planned, partition, projectRoot, context)) };
        },
        data,
      ),
    sealSnapshot: ({ plan, partitions, data }) =>
      runDataStage(
        dependencies,
        async (context) => {
          const ingested = await Promise.all(partitions.map(({ files }) => context.store.readJson<IngestedFile[]>(files)));
          return sealSnapshot(await context.store.readJson<IngestionPlan>(plan), ingested, context);
        },
        data,
      ),
  });
}
